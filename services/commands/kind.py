"""What is asked of every kind of resource: its row in the table, and in it how a scenario file writes one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
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
from projections.resources import ATTRIBUTES, ENTITIES, Resources
from services.commands.filters import Filter

#: m3ter's names of what can be ended.
BillingEntity = Literal["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"]
#: Members of every answer that a client may send back in a PUT; they are not read.
ANSWERED = ("id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy")


class InnerList(NamedTuple):
    """A list inside an entry: its name, the kind of what it holds, and the field in which each names the entry."""

    name: str
    kind: str
    field: str


class WhenNamed(NamedTuple):
    """What one has that is made only because it is named, beside its code and the defaults."""

    #: Field of whoever names it from which it gets its own one; what has a parent gives its parent.
    of_parent: str | None = None
    #: Whether it has days, and is to last longer than any story.
    lasts: bool = False


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
    #: Is made where it is only named; None: it is not.
    made_when_named: WhenNamed | None = None
    #: A kind one of which is made beside it, of the fields that only that has, unless it names one that is there.
    made_beside: str | None = None
    inner: InnerList | None = None
    #: Fields of an entry that the file's reader takes and the body has not.
    read_otherwise: tuple[str, ...] = ()
    #: Fields with a value that no story has, for it is about what a story has not.
    never: tuple[tuple[str, str], ...] = ()


PLAIN = InStories()
BEGINS = InStories(begins_with_file=True)
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
    #: Which of these follow from its facts alone, so that events show them, too; each with m3ter's word for its type.
    told: tuple[tuple[str, str], ...] = ()
    #: Facts that change one and are not called after it.
    other_facts: tuple[str, ...] = ()
    #: What m3ter counts it to: its events' names begin with it.
    group: Literal["configuration", "billing"] = "configuration"
    #: Whether an organization has one at most, which has paths of its own.
    single: bool = False
    #: Whether what changes it changes something beside it, too, and so has paths of its own.
    written_beside: bool = False
    #: Whether an account's pages reach over its days, from its first to its last.
    spans: bool = False
    #: What m3ter calls those of it that can be ended with their account or contract; None: they cannot.
    ended_as: BillingEntity | None = None
    #: What follows from it: terms, by which accounts are settled; rules, by which something is raised or done; nothing.
    leads_to: Literal["terms", "rules", "nothing"] = "terms"
    #: Whether accounts are rated by it, through their plans: what an account was rated by on a day has those in force.
    rates: bool = False
    #: Whether usage is added up by it: by a new or changed one from the beginning.
    adds_up: bool = False
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
    def entity(self) -> type[Entity[Any]]:
        """What it is with its history."""
        return ENTITIES[self.model]

    @property
    def ends_on_a_day(self) -> bool:
        """Whether its end is a day, whatever is sent; else a date-time is kept."""
        return self.model.model_fields["end_date"].annotation is date

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What answers show of it and events do not: it follows from usage, and no fact says it."""
        return tuple(name for name in self.derived if name not in dict(self.told))

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
