"""A statement as a PDF, set by Typst. The same statement gives the same bytes."""

import base64
import json
from dataclasses import asdict
from importlib.resources import files

from services.commands.refused import CommandError
from services.failures import ExpectedFailure, Worded
from services.statement.spelled import spelled
from services.statement.statement import Statement


class NoTypesetterError(Worded, ExpectedFailure):
    """no PDF can be made here: the package typst is not installed (pip install 'trueup[pdf]')"""


class UnreadableLogo(CommandError):
    """logo of statementconfig cannot be read as a PNG: {why}"""


def paper_of(statement: Statement) -> bytes:
    """The PDF of a statement. Raises: NoTypesetterError if Typst is not installed; UnreadableLogo."""
    try:
        import typst
    except ImportError as error:
        raise NoTypesetterError from error
    words = spelled(statement)
    template = (files("services.statement") / "templates" / "statement.typ").read_bytes()
    # The template has no files besides itself, so it gets the logo as an array of bytes.
    said = asdict(words) | {"logo": list(base64.b64decode(words.logo))}
    try:
        paper = typst.compile(template, sys_inputs={"statement": json.dumps(said)}, timestamp=0)
    except typst.TypstError as error:
        if not words.logo:
            raise
        raise UnreadableLogo(why=error.message) from error
    return paper
