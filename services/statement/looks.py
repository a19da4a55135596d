"""Templates of statements, and what they spell."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

#: What XML 1.0, and so an invoice for machines, cannot have in any spelling.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _writable(value: object) -> object:
    return _UNWRITABLE.sub("\ufffd", value) if type(value) is str else value


@cache
def templates() -> Environment:
    """All of them, read once. What they name must be there, and every text is escaped."""
    return Environment(
        loader=PackageLoader("services.statement"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_writable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
