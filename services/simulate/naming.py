"""What a reader of the file is told: codes and field names as the file has them, in the place of the wire's."""

import re
from collections.abc import Mapping

from services.simulate.entities import reference_fields

_ID = re.compile(r"(with id )?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def in_words(message: str, kind: str | None, called: Mapping[str, str]) -> str:
    """A refusal's message in the file's words. `kind` is what it is about, `called` how each id is called."""

    def told(found: re.Match[str]) -> str:
        name = called.get(found[2])
        return found[0] if name is None else f"with code {name}" if found[1] else name

    text = _ID.sub(told, message)
    names = {wire: name for name, (wire, _) in reference_fields(kind).items()} if kind is not None else {}
    if not names:
        return text
    return re.sub(rf"\b({'|'.join(names)})\b", lambda found: names[found[1]], text)
