"""What is asked of every kind of resource: its row in the table, and in it how a scenario file writes one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple
from uuid import uuid5

from pydantic.alias_generators import to_snake

from events.envelope import NAMESPACE
from events.facts import FACTS
from events.facts.base import Fact
from events.resources.base import Resource
from events.resources.notifications import OF_WINDOWS
from projections.entities import Entity
from projections.resources import ATTRIBUTES, Resources
from services.commands.filters import Filter

#: Members of every answer that a client may send back in a PUT; they are not read.
ANSWERED = ("id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy")


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
    #: Fields with a value that no story has, for it is about what a story has not.
    never: tuple[tuple[str, str], ...] = ()


PLAIN = InStories()
#: Rules of alerts. What is counted by a real clock no story tells.
TOLD_OF = InStories({"description": "{code}"}, never=tuple(("eventName", name) for name in OF_WINDOWS))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. Its fact classes are named after it: `CommitmentCreated`, ...Updated, ...Deleted."""

    #: camelCase singular, as streams and messages name it.
    name: str
    model: type[Resource]
    filters: tuple[Filter, ...]
    #: Combinations of fields that no two resources of the kind share in an organization (when all are given).
    unique: tuple[tuple[str, ...], ...] = (("code",),)
    #: Whose log it lies in: its own (an account's), that of its `accountId` or of its balance's, or the catalog's only.
    owner: Literal["self", "accountId", "balanceId", "catalog"] = "catalog"
    #: Field and kind of the resource below whose path its own lie; None: below the organization's.
    within: tuple[str, str] | None = None
    #: Fields that keep the value they were created with.
    fixed: tuple[str, ...] = ()
    #: Lists of references, beside `model.references`: field -> kind.
    reference_lists: tuple[tuple[str, str], ...] = ()
    #: Fields that a search may name; a kind without any has no search.
    searched: tuple[str, ...] = ()
    #: Whether people look for it by what they call it, among all that they do.
    is_found: bool = False
    #: Whether a question "what if" may bring others of it, or others in their place.
    supposable: bool = False
    #: Most resources on a page of the list, as m3ter has it.
    page_size_max: int = 100
    #: Whether a list may be asked for oldest first.
    sorts: bool = False
    #: What answers show beside the body and ANSWERED; a client may send it back, and it is not read.
    derived: tuple[str, ...] = ()
    #: Which of these follow from its facts alone, so that events show them, too.
    told: tuple[str, ...] = ()
    #: What m3ter counts it to: its events' names begin with it.
    group: Literal["configuration", "billing"] = "configuration"
    #: Whether an organization has one at most, which has paths of its own.
    single: bool = False
    #: Whether what changes it changes something beside it, too, and so has paths of its own.
    written_beside: bool = False
    entity: type[Entity[Any]] = Entity
    #: Its HTTP path, where that is not the plural of its name.
    at: str | None = None
    #: None: a scenario file has no list of them.
    in_stories: InStories | None = PLAIN

    @property
    def path(self) -> str:
        """Last part of its HTTP path."""
        return self.at or f"{self.name.lower()}s"

    def single_id(self, organization: str) -> str:
        """The id of the one that an organization has."""
        return str(uuid5(NAMESPACE, f"{self.path}/{organization}"))

    @property
    def attribute(self) -> str:
        """The attribute of `Resources` that holds it."""
        return ATTRIBUTES[self.model]

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What answers show of it and events do not: it follows from usage, and no fact says it."""
        return tuple(name for name in self.derived if name not in self.told)

    def fact(self, ending: Literal["Created", "Updated", "Deleted"]) -> Callable[..., Fact]:
        """The fact class with this ending."""
        return FACTS[self.model.__name__ + ending]

    def held(self, resources: Resources) -> dict[str, Entity[Any]]:
        """The resources of this kind, by id."""
        of_this_kind: dict[str, Entity[Any]] = getattr(resources, self.attribute)
        return of_this_kind

    def references(self, body: Resource) -> Iterator[tuple[str, str, str]]:
        """Every reference in the body: its field, the kind and the id that it names."""
        for name, kind in self.model.references.items():
            if id := value_of(body, name):
                yield name, kind, id
        for name, kind in self.reference_lists:
            for number, id in enumerate(value_of(body, name) or ()):
                yield f"{name}[{number}]", kind, id


#: A field's name in Python; there are few, and each command asks for dozens.
_attribute = cache(to_snake)


def value_of(body: Resource, field: str) -> Any:
    """The value of a field by its name on the wire."""
    return getattr(body, _attribute(field))
