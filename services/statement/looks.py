"""The templates of statements."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

#: Characters that XML 1.0, and so an electronic invoice, cannot have, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _writable(value: object) -> object:
    return _UNWRITABLE.sub("\ufffd", value) if type(value) is str else value


@cache
def templates() -> Environment:
    """The environment of all templates. Undefined names are errors, and every text is escaped."""
    return Environment(
        loader=PackageLoader("services.statement"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_writable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
