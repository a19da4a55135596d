"""The history of resources, newest first: events of the store, each with the resource before and after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from events.envelope import NAMESPACE, Envelope
from events.facts.resources import OrganizationConfigured, ResourceFact
from projections.entities import Entity
from projections.resources import Resources
from services.commands.event_names import HAPPENINGS, Happening
from services.commands.table import KINDS, kind_of
from services.store.conditions import LAST_POSITION, of_each_type
from services.store.listing import SqlCondition, all_placed
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of_resource
from services.store.view import CONFIG

#: $1 organization, $2 types, $3 for each type whether only first or only later events count, $4 position, $5 limit.
_ASKED = "unnest($2::text[], $3::boolean[]) AS asked (type, first)"
_COUNTS = "(asked.first IS NULL OR asked.first = (e.version = 1))"
_OF_TYPES = of_each_type(_ASKED, f"e.position < $4 AND {_COUNTS}{{place}}", "DESC", "$5")
_OF_PLACE = f"""
SELECT e.position FROM {_ASKED} JOIN store.events e ON e.type = asked.type AND {_COUNTS}
WHERE e.organization = $1 AND e.position < $4{{place}} ORDER BY e.position DESC LIMIT $5
"""
_AT = f"SELECT stream, version, {COLUMNS} FROM store.events WHERE organization = $1 AND position = ANY($2::bigint[])"
#: Streams with the version up to which each is read.
_HISTORY = f"""
SELECT stream, version, {COLUMNS} FROM store.events e
JOIN unnest($2::text[], $3::bigint[]) AS asked (named, last) ON e.stream = asked.named AND e.version <= asked.last
WHERE e.organization = $1 ORDER BY e.position
"""
_POSITION_BITS, _TAG_BITS = 62, 60


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, with the resource before and after it; None: it did not exist."""

    id: str
    envelope: Envelope
    before: Entity[Any] | None
    after: Entity[Any] | None


@dataclass(frozen=True, slots=True)
class EventsAsked:
    """A query for events: with these names, optionally of one account or resource, before a position."""

    happenings: Sequence[Happening]
    account: str | None
    resource: str | None
    before: int | None
    most: int
    #: A further condition on the events, rows `e`.
    conditions: Sequence[SqlCondition] = ()


def event_id_of(organization: str, stream: str, version: int, position: int) -> str:
    """The public id of an event: its position, to find it, and a tag, so that nobody can guess it.

    A UUID of version 8. It stays the same when the store is filled again from the log, because the log keeps the
    positions.
    """
    tag = uuid5(NAMESPACE, f"event/{organization}/{stream}/{version}").int >> (128 - _TAG_BITS)
    high = (tag >> 12) << 16 | 8 << 12 | tag & 0xFFF
    return str(UUID(int=high << 64 | 0b10 << _POSITION_BITS | position))


def position_in(id: str) -> int | None:
    """The position in an id; None if it is not an event's id."""
    try:
        number = UUID(id).int
    except ValueError:
        return None
    return int(number & (2**_POSITION_BITS - 1))


async def positions_of(connection: Any, organization: str, question: EventsAsked) -> list[int]:
    """Positions of the events that match, newest first."""
    types = (
        [happening.fact_type for happening in question.happenings],
        [happening.first for happening in question.happenings],
    )
    before = LAST_POSITION if question.before is None else question.before
    arguments: list[Any] = [organization, *types, before, question.most]
    places = []
    if question.resource is not None:
        arguments.append(_streams(organization, question.resource))
        places.append(f"e.stream = ANY(${len(arguments)}::text[])")
    if question.account is not None:
        arguments.append(question.account)
        places.append(f"e.account = ${len(arguments)}")
    query, beside = _OF_PLACE if places else _OF_TYPES, all_placed(question.conditions, arguments)
    query = query.format(place="".join(f" AND {condition}" for condition in places) + beside)
    return [row["position"] for row in await connection.fetch(query, *arguments)]


def _streams(organization: str, resource: str) -> list[str]:
    """Every stream that a resource with this id may have; the configuration has the organization's id."""
    own = [CONFIG] if resource == organization else []
    return [*own, *(stream_of_resource(kind, resource) for kind in KINDS)]


@dataclass(frozen=True, slots=True)
class History:
    """The history of some resources up to the events at `wanted`, oldest first."""

    organization: str
    rows: Sequence[Mapping[str, Any]]
    wanted: frozenset[int]


async def read_history(connection: Any, organization: str, positions: Sequence[int]) -> History:
    """The history up to the events at these positions, without events that are not about a resource."""
    rows = await connection.fetch(_AT, organization, list(positions))
    types = {happening.fact_type for happening in HAPPENINGS}
    wanted = frozenset(row["position"] for row in rows if row["type"] in types)
    last: dict[str, int] = {}
    for row in rows:
        if row["position"] in wanted:
            last[row["stream"]] = max(row["version"], last.get(row["stream"], 0))
    history = await connection.fetch(_HISTORY, organization, list(last), list(last.values()))
    return History(organization, history, wanted)


def happened(history: History, generation: str) -> list[Happened]:
    """The events, newest first; each with its resource before and after, by the one fold of resources."""
    resources, events = Resources(history.organization), []
    for row in history.rows:
        envelope = envelope_of(row, generation)
        assert isinstance(envelope.data, ResourceFact)
        before = resource_of(resources, envelope.data)
        resources.evolve(envelope)
        if row["position"] in history.wanted:
            id = event_id_of(history.organization, row["stream"], row["version"], row["position"])
            events.append(Happened(id, envelope, before, resource_of(resources, envelope.data)))
    return events[::-1]


def resource_of(resources: Resources, fact: ResourceFact) -> Entity[Any] | None:
    """The resource that a fact is about; None: it does not exist."""
    if isinstance(fact, OrganizationConfigured):
        return resources.config
    kind = kind_of(fact)
    assert kind is not None
    return kind.held(resources).get(fact.id)
