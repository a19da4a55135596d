"""Follows the event store, in the API's process: an event that a destination wants becomes a delivery in its queue.

Why none is lost: the position up to which an organization's events were checked moves in the transaction that makes the
deliveries. Why none is made twice: the position moves only from where it was when the events were read, and a
delivery's id follows from the destination and the event. Organizations without destinations are never read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid5

import structlog

from events.envelope import NAMESPACE
from events.resources.automation import TOLD
from events.resources.webhooks import NOTIFICATION, wants
from services.commands.event_names import HAPPENINGS
from services.concurrency import first_of
from services.failures import Passing
from services.outage import Outage
from services.postgres import Postgres, Role
from services.postgres.ringing import ring_when_told
from services.side_by_side import SideBySide
from services.store.alerts import ALERT_TYPES
from services.store.events import CHANNEL as STORE
from services.store.events import head
from services.store.generations import Generations
from services.webhooks.deliveries import New, add
from services.webhooks.destinations import CHANNEL, Destination, active_destinations

log = structlog.get_logger(__name__)

#: Events that are checked in one transaction.
PAGE = 200
LOOK_SECONDS, GATHER_SECONDS = 5.0, 0.05
#: Organizations that are processed at once.
ORGANIZATIONS_AT_ONCE = 4
_WITH_DESTINATIONS = "SELECT DISTINCT organization FROM store.webhook_destinations"
_MOVED = """
SELECT organization, max(position) AS position FROM store.events WHERE position > $1 GROUP BY organization
"""
_POSITION = "SELECT position FROM store.webhook_positions WHERE organization = $1"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1, 0))"
_MOVE = """
INSERT INTO store.webhook_positions AS held (organization, position) VALUES ($1, $2)
ON CONFLICT (organization) DO UPDATE SET position = greatest(held.position, EXCLUDED.position)
"""
_NEXT = f"""
SELECT position FROM store.events
WHERE organization = $1 AND type = ANY ($2::text[]) AND position > $3 AND position <= $4
ORDER BY position LIMIT {PAGE}
"""

#: The events of an organization at some positions as the wire shows them, newest first; `generation` of the store.
Documents = Callable[[Postgres, str, Sequence[int], str], Awaitable[list[tuple[int, dict[str, Any]]]]]
Encode = Callable[[Any], bytes]


class Announcer:
    """`run` beside an API's requests; several processes may. `every`: connections of role WATCH, `postgres` of API."""

    def __init__(
        self,
        postgres: Postgres,
        every: Postgres,
        generations: Callable[[], Generations],
        documents: Documents,
        encode: Encode,
    ) -> None:
        self._postgres, self._every, self._generations = postgres, every, generations
        self._documents, self._encode = documents, encode
        self._happened, self._changed = asyncio.Event(), asyncio.Event()
        self._announcing = SideBySide("webhooks_not_announced", ORGANIZATIONS_AT_ONCE, self._announce)
        #: The organizations with destinations, and the position up to which the store was checked.
        self._whose, self._looked = set[str](), 0

    async def run(self) -> None:
        """Run until cancelled; temporary failures are waited out. While there are no destinations, nothing is
        queried.
        """
        async with asyncio.TaskGroup() as group:
            channels = {STORE: self._happened, CHANNEL: self._changed}
            group.create_task(ring_when_told(self._every.url, Role.WATCH, channels))
            group.create_task(self._announcing.run())
            self._changed.set()
            outage = Outage("webhooks_not_announced")
            while True:
                try:
                    await self._look()
                    outage.over()
                except Passing as error:
                    self._changed.set()
                    await asyncio.sleep(outage.met(error))
                woken = (self._happened, self._changed) if self._whose else (self._changed,)
                await first_of(LOOK_SECONDS, *woken)
                await asyncio.sleep(GATHER_SECONDS)

    async def _look(self) -> None:
        """Process all organizations with new events."""
        has_changed = self._changed.is_set()
        self._changed.clear()
        self._happened.clear()
        if not (has_changed or self._whose):
            return
        async with self._every.connection() as connection:
            whose = self._whose
            if has_changed:
                whose = {row["organization"] for row in await connection.fetch(_WITH_DESTINATIONS)}
            if whose - self._whose:
                moved = dict.fromkeys(whose, await head(connection))
            else:
                rows = await connection.fetch(_MOVED, self._looked) if whose else []
                moved = {row["organization"]: row["position"] for row in rows}
        self._whose = whose
        self._looked = max((self._looked, *moved.values()))
        self._announcing.ask(moved.keys() & self._whose)

    async def _announce(self, organization: str) -> bool:
        return await self.announce(organization, self._looked)

    async def announce(self, organization: str, until: int) -> bool:
        """Make deliveries of some of the organization's events up to a position, from the last stop; returns whether
        there are more. Raises: temporary failures.
        """
        postgres = self._postgres.of(organization)
        async with postgres.transaction(isolation="repeatable_read") as connection:
            destinations = await active_destinations(connection, organization)
            before: int | None = await connection.fetchval(_POSITION, organization)
            begins = max(before or 0, min((destination.since for destination in destinations), default=until))
            rows = await connection.fetch(_NEXT, organization, sorted(_types(destinations)), begins, until)
        positions = [row["position"] for row in rows]
        is_last = len(positions) < PAGE
        documents = await self._documents(postgres, organization, positions, self._generations().commands)
        reached = until if is_last else positions[-1]
        is_added = await self._add(postgres, destinations, before, reached, documents)
        return not (is_last and is_added)

    async def _add(
        self,
        postgres: Postgres,
        destinations: Sequence[Destination],
        before: int | None,
        reached: int,
        documents: Sequence[tuple[int, Mapping[str, Any]]],
    ) -> bool:
        """Put them into the queues; False: another process has checked meanwhile, so check again."""
        organization = postgres.whose
        wanted = {destination.id: self._wanted(destination, documents) for destination in destinations}
        async with postgres.transaction() as connection:
            await connection.execute(_LOCK, organization)
            if await connection.fetchval(_POSITION, organization) != before:
                return False
            for destination, deliveries in wanted.items():
                if deliveries:
                    await add(connection, organization, destination, deliveries)
            await connection.execute(_MOVE, organization, reached)
        return True

    def _wanted(self, destination: Destination, documents: Sequence[tuple[int, Mapping[str, Any]]]) -> list[New]:
        """Deliveries of the events that the destination wants, oldest first."""
        return [
            New(delivery_id(destination.id, event["id"]), event["id"], name, subject_of(event), self._body(name, event))
            for position, event in reversed(documents)
            if position > destination.since and wants(destination.event_types, name := type_of(event))
        ]

    def _body(self, name: str, event: Mapping[str, Any]) -> str:
        return self._encode({"type": name, "timestamp": event["eventTime"], "data": event}).decode()


def delivery_id(destination: str, event: str) -> str:
    """The delivery's id for the receiver: a repeated delivery has the same id."""
    return f"msg_{uuid5(NAMESPACE, f'webhook/{destination}/{event}').hex}"


def type_of(event: Mapping[str, Any]) -> str:
    """The name by which filters know an event; an alert about an event has another name than the event."""
    name: str = event["eventName"]
    return NOTIFICATION if event["eventType"] == NOTIFICATION and name not in TOLD else name


def subject_of(event: Mapping[str, Any]) -> str:
    """The id of an event's resource; for an alert, of the alert's subject."""
    data = event["m3terEvent"]["eventData"]
    told = data.get("newDto") or data["oldDto"]
    return str(told.get("subjectId") or told["id"])


def _types(destinations: Sequence[Destination]) -> set[str]:
    """The types of facts that any of these destinations may want."""

    def is_wanted(name: str) -> bool:
        return any(wants(destination.event_types, name) for destination in destinations)

    types = {happening.fact_type for happening in HAPPENINGS if is_wanted(happening.name)}
    return types | (set(ALERT_TYPES) if any(map(is_wanted, (NOTIFICATION, *TOLD))) else set())
