"""A statement as a page of HTML that needs nothing beside itself, to be shown and to be printed."""

from services.statement.looks import templates
from services.statement.spelled import spelled
from services.statement.statement import Statement


def page_of(statement: Statement) -> bytes:
    """The document, in UTF-8."""
    return templates().get_template("statement.html").render(statement=spelled(statement)).encode()
