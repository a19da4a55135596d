"""Shared by reads as of a day and as known at a moment: their parameters, and the cut of the log."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from projections.entities import Entity
from projections.readmodels.settled_rows import balances_shown
from projections.settlement import Settlement
from services.api.calls import Call
from services.api.funds import standing_of
from services.api.parameters import Day, Instant
from services.api.wire import document_of
from services.commands.kind import Kind
from services.commands.refused import InvalidField, UnknownResource
from services.concurrency import compute
from services.readside.bill_rows import HAS_STATUS, IS_UNLOCKED_UNLESS
from services.readside.past.cut import EVENT_IS_KNOWN, Cut, cut_at, events_known
from services.readside.past.known_family import KnownFamily, load_known
from services.store.listing import SqlCondition

AS_OF, KNOWN_AT = Day("asOf"), Instant("knownAt")
#: Parameters about a bill's present state.
_OF_NOW = (HAS_STATUS, IS_UNLOCKED_UNLESS)


async def cut_of(call: Call, at: datetime) -> Cut:
    """The cut of the log at a moment. Raises: UnknownOrganization, ProjectionStalledError."""
    async with call.reading():  # the calls below have connections of their own
        pass
    return await cut_at(call.api.cluster, call.waiter, call.api.generations.partitions, at)


async def were_known(call: Call, at: datetime) -> SqlCondition:
    """The condition that a row `e`, an event or a resource, was known at a moment.

    Raises: UnknownOrganization, ProjectionStalledError.
    """
    past_events = await events_known(call.postgres, call.organization, await cut_of(call, at))
    return SqlCondition(EVENT_IS_KNOWN, list(past_events.positions))


async def family_known(call: Call, kind: str, id: str, as_of: date | None, at: datetime | None) -> KnownFamily:
    """The family of a resource as known at a moment, by default now.

    Raises: UnknownOrganization, UnknownResource, InvalidField if the day is further ahead than is settled.
    """
    async with call.reading():
        pass
    family = await load_known(call.postgres, call.api.cluster, call.waiter, call.organization, kind, id, at)
    family.check(as_of)
    return family


async def document_known(call: Call, kind: Kind, id: str, as_of: date | None, at: datetime) -> dict[str, Any]:
    """A resource of an account as known at a moment, with its settled fields as of the day.

    Raises: UnknownOrganization, UnknownResource, InvalidField.
    """
    family = await family_known(call, kind.name, id, as_of, at)
    entity = kind.held(family.resources).get(id)
    if entity is None:  # its family was known, but the resource was not
        raise UnknownResource(kind=kind.name, id=id)
    [document] = await compute(call.organization, documents_known, family, [entity], as_of)
    return document


def documents_known(family: KnownFamily, entities: Sequence[Entity[Any]], as_of: date | None) -> list[dict[str, Any]]:
    """Resources of a family as the wire shows them, with their fields from one settlement as of the day."""
    return documents_settled(family, entities, family.settled(as_of))


def documents_settled(
    family: KnownFamily, entities: Sequence[Entity[Any]], settlement: Settlement
) -> list[dict[str, Any]]:
    """Resources of a family as the wire shows them, with their fields from this settlement."""
    resources = family.resources
    standing = balances_shown(settlement, resources, family.root_id, settlement.through, {})
    derived = {id: standing_of(fund.row._asdict()) for id, fund in standing.items()}
    return [document_of(entity, derived.get(entity.id)) for entity in entities]


def check_tells_of_then(wanted: Sequence[SqlCondition]) -> None:
    """Check the parameters. Raises: InvalidField for parameters about a bill's present state."""
    if any(condition.sql in _OF_NOW for condition in wanted):
        raise InvalidField(
            field="knownAt", rule="cannot be used with status or locked, which tell of bills as they are"
        )
