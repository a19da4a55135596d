"""The catalog that rates an account on a day: everything that its plans lead to, of the kinds whose row says
`rates`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from projections.calendar import named_days, within
from projections.entities import Entity
from projections.resources import Resources
from services.commands.kind import Kind
from services.commands.table import KINDS

RATING_KINDS = tuple(kind for kind in KINDS.values() if kind.rates)
_ACCOUNT_PLAN = KINDS["accountPlan"]


def is_in_force(entity: Entity[Any], zone: str, day: date) -> bool:
    """Whether the entity's term contains the day; an entity without a term is always in force."""
    if not {"start_date", "end_date"} <= type(entity.body).model_fields.keys():
        return True
    return within(day, *named_days(entity.body.start_date, entity.body.end_date, zone))


def rated_by(
    resources: Resources, attached: Iterable[Entity[Any]], zone: str, day: date
) -> Iterator[tuple[Kind, list[Entity[Any]]]]:
    """For each kind, the entities in force that the account plans lead to, oldest first: those that they name, those
    that belong to these (a plan's prices, the links of a group), those that these name, and so on.
    """
    reached: dict[Kind, dict[str, Entity[Any]]] = {kind: {} for kind in RATING_KINDS}
    belonging = _belonging(resources)
    new: Sequence[tuple[Kind, Entity[Any]]] = [(_ACCOUNT_PLAN, plan) for plan in attached]
    while new:
        found = [*_named_by(resources, new), *(each for _, owner in new for each in belonging.get(owner.id, ()))]
        new = [
            (kind, entity)
            for kind, entity in found
            if entity.id not in reached[kind] and is_in_force(entity, zone, day)
        ]
        for kind, entity in new:
            reached[kind][entity.id] = entity
    for kind, entities in reached.items():
        yield kind, sorted(entities.values(), key=lambda entity: entity.position)


def _named_by(resources: Resources, entities: Iterable[tuple[Kind, Entity[Any]]]) -> Iterator[tuple[Kind, Entity[Any]]]:
    for kind, entity in entities:
        for _, name, id in kind.references(entity.body):
            named = KINDS[name]
            if named.rates and id in named.held(resources):
                yield named, named.held(resources)[id]


def _belonging(resources: Resources) -> dict[str, list[tuple[Kind, Entity[Any]]]]:
    """All entities that belong to a plan, template or group, by its id. Made in one pass, before the walk begins."""
    by_owner = defaultdict[str, list[tuple[Kind, Entity[Any]]]](list)
    for kind in RATING_KINDS:
        owners = kind.model.indexed_by
        for entity in kind.held(resources).values() if owners else ():
            for owner in owners:
                if (owner_id := getattr(entity.body, owner)) is not None:
                    by_owner[owner_id].append((kind, entity))
    return by_owner
