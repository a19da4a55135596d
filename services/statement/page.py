"""A statement as a page of HTML to read and to print, which loads no other files."""

from services.statement.looks import templates
from services.statement.spelled import spelled
from services.statement.statement import Statement


def page_of(statement: Statement) -> bytes:
    """The HTML page of a statement, in UTF-8."""
    return templates().get_template("statement.html").render(statement=spelled(statement)).encode()
