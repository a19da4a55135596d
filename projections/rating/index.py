"""An index from families, plans, plan groups and counters to their resources, so that compiling one family never scans
an organization. It also tells which plans an account plan attaches (rules 3.23).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from events.envelope import Envelope
from events.facts.base import Route
from events.facts.resources import AccountCreated, ResourceCreated, ResourceUpdated
from events.resources.accounts import AccountPlan
from events.resources.base import Resource
from events.resources.catalog import PricingBand
from projections.entities import Entity
from projections.pricing import Price, price_of
from projections.resources import ATTRIBUTES, Resources

Bands = tuple[PricingBand, ...]
T = TypeVar("T")
#: Most shared values. Account plans of one plan share values if they begin on the same day, so the number grows for
#: years.
MOST_SHARED = 10_000


@dataclass(slots=True)
class FamilyIndex:
    """Ids by (kind, owner's id), oldest first. The index only grows: deleted or moved resources are filtered out on
    reading.
    """

    ids_by_owner: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    #: Compiled prices, each with its bands: all accounts on a template share them.
    prices: dict[tuple[int, bool], tuple[Bands, Price]] = field(default_factory=dict)
    #: Values compiled from the catalog alone, by everything they follow from: all accounts share the same objects.
    compiled: dict[Hashable, Any] = field(default_factory=dict)

    def price(self, bands: Bands, *, cumulative: bool) -> Price:
        """The compiled `price_of` a pricing's own bands, cached; an update of the pricing brings new bands."""
        compiled = self.prices.get((id(bands), cumulative))
        if compiled is None:
            compiled = self.prices[id(bands), cumulative] = (bands, price_of(bands, cumulative=cumulative))
        return compiled[1]

    def shared(self, key: Hashable, compile: Callable[[], T]) -> T:
        """A value that `compile` makes from the catalog alone, cached until the catalog changes.

        The key begins with the name of the kind of value and has everything else that the value follows from.
        """
        compiled: T | None = self.compiled.get(key)
        if compiled is None:
            if len(self.compiled) >= MOST_SHARED:
                self.compiled.clear()
            compiled = self.compiled[key] = compile()
        return compiled

    def evolve(self, envelope: Envelope) -> None:
        """Apply one fact after `Resources.evolve` did."""
        if envelope.data.route is Route.CATALOG:
            self.compiled.clear()
        match envelope.data:
            case AccountCreated() as fact:
                self._add("accounts", fact.root_id, fact.id)
            case (ResourceCreated() | ResourceUpdated()) as fact:
                self._add_body(fact.id, fact.body)
            case _:
                pass

    def ids(self, kind: str, owner: str) -> Iterable[str]:
        """Ids of resources of a kind (an attribute of `Resources`) that `owner` owned at any time."""
        return self.ids_by_owner.get((kind, owner), ())

    def owned(self, resources: Resources, kind: str, owner_field: str, owner: str) -> Iterator[Any]:
        """Entities of a kind that `owner` owns now by the given field, oldest first."""
        entities: dict[str, Entity[Any]] = getattr(resources, kind)
        for entity_id in self.ids(kind, owner):
            entity = entities.get(entity_id)
            if entity is not None and getattr(entity.body, owner_field) == owner:
                yield entity

    def _add(self, kind: str, owner: str, entity_id: str) -> None:
        self.ids_by_owner.setdefault((kind, owner), {})[entity_id] = None

    def _add_body(self, entity_id: str, body: Resource) -> None:
        for name in body.indexed_by:
            owner = getattr(body, name)
            if owner is not None:
                self._add(ATTRIBUTES[type(body)], owner, entity_id)


#: The kinds of resources that have an owner.
_INDEXED = tuple(attribute for model, attribute in ATTRIBUTES.items() if model.indexed_by)


def index_families(resources: Resources) -> FamilyIndex:
    """The index of everything that the resources hold."""
    index = FamilyIndex()
    for account in resources.accounts.values():
        index._add("accounts", account.root_id, account.id)
    for attribute in _INDEXED:
        entities: dict[str, Entity[Any]] = getattr(resources, attribute)
        for entity in entities.values():
            index._add_body(entity.id, entity.body)
    return index


def linked_plans(resources: Resources, index: FamilyIndex, group_id: str) -> list[str]:
    """Ids of the plans in a group, in the order in which they were linked."""
    links = index.owned(resources, "plan_group_links", "plan_group_id", group_id)
    return [link.body.plan_id for link in sorted(links, key=lambda link: link.position)]


def plans_of(resources: Resources, index: FamilyIndex, body: AccountPlan) -> list[str]:
    """Ids of the plans that an account plan attaches; none of an empty group."""
    if body.plan_group_id is not None:
        return linked_plans(resources, index, body.plan_group_id)
    assert body.plan_id is not None
    return [body.plan_id]
