"""How a scenario file writes resources of a kind: what of it stands in the kind's row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class InnerList(NamedTuple):
    """A list inside an entry: its name, the kind of what it holds, and the field in which each names the entry."""

    name: str
    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class InStories:
    """What holds of the kind beside its body.

    A file's list of them is called after the kind (`planTemplates`). A kind whose body has a name is known by its code,
    which is its name where it has no other.
    """

    #: Plain values of what the body requires and an entry leaves out; `{code}` in a text is the entry's code.
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: Begins on the earliest day of the file, where it says no other.
    begins_with_file: bool = False
    #: Is made where it is only named.
    made_when_named: bool = False
    inner: InnerList | None = None
    #: Fields of an entry that the file's reader takes and the body has not.
    read_otherwise: tuple[str, ...] = ()


PLAIN = InStories()
