"""The properties of every kind of resource: its row in the table, which also says how scenario files write it."""

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
from projections.entities import Entity, FundEntity
from projections.resources import ATTRIBUTES, ENTITIES, Resources
from services.commands.filters import Filter

#: m3ter's names for resources that can be ended.
BillingEntity = Literal["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"]
#: Members of every answer that a client may send back in a PUT; they are ignored.
ANSWERED = ("id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy")


class InnerList(NamedTuple):
    """A list inside an entry: its name, the kind of its items, and their field that refers to the entry."""

    name: str
    kind: str
    field: str


class WhenNamed(NamedTuple):
    """The values of an entry that is created because it is referred to, beside its code and the defaults."""

    #: The field of the referring entry that gives its own field its value; a child passes on its parent.
    of_parent: str | None = None
    #: Whether it has days, and then lasts longer than any story.
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class InStories:
    """The properties of the kind in scenario files, beside its body.

    A file's list of them is named after the kind (`planTemplates`). An entry of a kind with names is known by its code,
    which is its default name.
    """

    #: Defaults for required fields that an entry leaves out; `{code}` in a text is the entry's code.
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: The field that defaults to the earliest day of the file.
    begins_with_file: bool = False
    #: How an entry is created that is only referred to; None: it is not created.
    made_when_named: WhenNamed | None = None
    #: A kind of which one is created beside it, with the fields that only that kind has, unless the entry refers to an
    #: existing one.
    made_beside: str | None = None
    inner: InnerList | None = None
    #: Fields of an entry that the file's reader consumes and the body does not have.
    read_otherwise: tuple[str, ...] = ()
    #: Fields without meaning in a story.
    never: tuple[tuple[str, str], ...] = ()


PLAIN = InStories()
BEGINS = InStories(begins_with_file=True)
#: Rules of alerts. Counts by a real clock have no meaning in a story.
TOLD_OF = InStories({"description": "{code}"}, never=tuple(("eventName", name) for name in OF_WINDOWS))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. Its fact classes are named after it: `CommitmentCreated`, ...Updated, ...Deleted."""

    #: camelCase singular, as streams and messages name it.
    name: str
    model: type[Resource]
    filters: tuple[Filter, ...]
    #: Combinations of fields that are unique within the kind and organization (if all are given).
    unique: tuple[tuple[str, ...], ...] = (("code",),)
    #: The account whose log holds it: itself (an account), its `accountId` or its balance's account; or the catalog
    #: only.
    owner: Literal["self", "accountId", "balanceId", "catalog"] = "catalog"
    #: Field and kind of the resource whose path is above its own; None: the organization's path.
    within: tuple[str, str] | None = None
    #: Fields that never change after creation.
    fixed: tuple[str, ...] = ()
    #: Lists of references, beside `model.references`: field -> kind.
    reference_lists: tuple[tuple[str, str], ...] = ()
    #: Fields that a search may use; a kind without any has no search.
    searched: tuple[str, ...] = ()
    #: Whether people search it by name in the search over everything.
    is_found: bool = False
    #: Whether a what-if may add some or replace their terms.
    supposable: bool = False
    #: Most resources on a page of the list, by m3ter.
    page_size_max: int = 100
    #: Whether a list may be oldest first.
    sorts: bool = False
    #: Further fields of answers beside the body and ANSWERED; a client may send them back, and they are ignored.
    derived: tuple[str, ...] = ()
    #: Those of these fields that follow from its facts alone, so that events have them, too; each with m3ter's type
    #: name.
    told: tuple[tuple[str, str], ...] = ()
    #: Facts that change a resource of this kind without being named after it.
    other_facts: tuple[str, ...] = ()
    #: m3ter's group for it, with which its events' names begin.
    group: Literal["configuration", "billing"] = "configuration"
    #: Whether an organization has at most one, which has paths of its own.
    single: bool = False
    #: Whether its changes affect other resources, too, and so have paths of their own.
    written_beside: bool = False
    #: Whether an account's pages reach over its days, from its first to its last.
    spans: bool = False
    #: m3ter's name for those that can be ended with their account or contract; None: they cannot.
    ended_as: BillingEntity | None = None
    #: What follows from it: terms, by which accounts are settled; rules, which raise or do something; nothing.
    leads_to: Literal["terms", "rules", "nothing"] = "terms"
    #: Whether it rates accounts, through their plans, and so belongs to the rates in force on a day.
    rates: bool = False
    #: Whether usage is added up by it; totals of a new or changed one are derived from the beginning.
    adds_up: bool = False
    #: Its HTTP path, if that is not the plural of its name.
    at: str | None = None
    #: None: scenario files have no list of this kind.
    in_stories: InStories | None = PLAIN

    @property
    def path(self) -> str:
        """Last part of its HTTP path."""
        return self.at or f"{self.name.lower()}s"

    def single_id(self, organization: str) -> str:
        """The id of an organization's only resource of this kind."""
        return str(uuid5(NAMESPACE, f"{self.path}/{organization}"))

    @property
    def attribute(self) -> str:
        """The attribute of `Resources` that holds this kind."""
        return ATTRIBUTES[self.model]

    @property
    def entity(self) -> type[Entity[Any]]:
        """The class of the resource with its history."""
        return ENTITIES[self.model]

    @property
    def is_fund(self) -> bool:
        """Whether money stands in it and is drawn from it: settlement derives how it stands."""
        return issubclass(self.entity, FundEntity)

    @property
    def is_account(self) -> bool:
        """Whether it is what all that an account has belongs to."""
        return self.owner == "self"

    @property
    def facts(self) -> tuple[type[Fact], ...]:
        """Every fact that is about one: that it was created, updated, deleted, and those called otherwise."""
        own = (f"{self.model.__name__}{ending}" for ending in ("Created", "Updated", "Deleted"))
        return tuple(FACTS[name] for name in (*own, *self.other_facts))

    @property
    def ends_on_a_day(self) -> bool:
        """Whether its end is always a day; otherwise a date-time is kept."""
        return self.model.model_fields["end_date"].annotation is date

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Fields of answers that events do not have, because they follow from usage and not from a fact."""
        return tuple(name for name in self.derived if name not in dict(self.told))

    def fact(self, ending: Literal["Created", "Updated", "Deleted"]) -> Callable[..., Fact]:
        """The fact class with this ending."""
        return FACTS[self.model.__name__ + ending]

    def held(self, resources: Resources) -> dict[str, Entity[Any]]:
        """The resources of this kind, by id."""
        of_this_kind: dict[str, Entity[Any]] = getattr(resources, self.attribute)
        return of_this_kind

    def references(self, body: Resource) -> Iterator[tuple[str, str, str]]:
        """Every reference in the body: its field, and the kind and id it refers to."""
        for name, kind in self.model.references.items():
            if id := value_of(body, name):
                yield name, kind, id
        for name, kind in self.reference_lists:
            for number, id in enumerate(value_of(body, name) or ()):
                yield f"{name}[{number}]", kind, id


#: A field's Python name, cached: there are few, and each command asks for dozens.
_attribute = cache(to_snake)


def value_of(body: Resource, field: str) -> Any:
    """The value of a field by its name on the wire."""
    return getattr(body, _attribute(field))
