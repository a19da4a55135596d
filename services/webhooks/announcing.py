"""Follows the event store, in the API's process: an event that a destination wants becomes a delivery in its queue.

Why none is lost: how far an organization's events were looked at moves in the transaction that makes the last of their
deliveries. Why none is made twice: it moves only from where it was when they were read, and a delivery's id follows
from the destination and the event. Nothing of an organization is read here that has no destination.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from events.resources.automation import TOLD
from events.resources.webhooks import NOTIFICATION, wants
from services.commands.event_names import HAPPENINGS
from services.concurrency import compute, first_of, run_together
from services.failures import Passing
from services.interruptions import INTERRUPTIONS
from services.outage import Outage
from services.postgres import Postgres, Role
from services.postgres.ringing import ring_when_told
from services.side_by_side import SideBySide
from services.sight.metrics import WAITS
from services.store.alerts import ALERT_TYPES
from services.store.events import CHANNEL as STORE
from services.store.events import head
from services.store.following import Following, moved
from services.store.generations import Generations
from services.webhooks.deliveries import add
from services.webhooks.destinations import CHANNEL, Destination, active_destinations, lock_organizations_queues
from services.webhooks.telling import Encode, Told, parts_of, told_of

log = structlog.get_logger(__name__)

#: Bytes of the events that are read at once, and of the deliveries that one transaction makes.
BYTES = 8_000_000
LOOK_SECONDS, GATHER_SECONDS = 5.0, 0.05
#: Shown as 0 from the beginning, so that the first one is seen to be one more.
NOT_ANNOUNCED = WAITS.labels("event_not_announced")
#: Organizations that are seen to at once.
ORGANIZATIONS_AT_ONCE = 4
_WITH_DESTINATIONS = "SELECT DISTINCT organization FROM store.webhook_destinations"
_FOLLOWING = Following("webhook_positions", "position")

#: The events of an organization at some positions as the wire shows them, newest first; `generation` of the store.
Documents = Callable[[Postgres, str, Sequence[int], str], Awaitable[list[tuple[int, dict[str, Any]]]]]


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
        channels = {STORE: self._happened, CHANNEL: self._changed}
        ringing = ring_when_told(self._every.url, Role.WATCH, channels)
        await run_together(ringing, self._announcing.run(), self._look_again_and_again())

    async def _look_again_and_again(self) -> None:
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
                reached = dict.fromkeys(whose, await head(connection))
            else:
                since = await moved(connection, self._looked) if whose else []
                reached = {each.organization: each.position for each in since}
        self._whose = whose
        self._looked = max((self._looked, *reached.values()))
        self._announcing.ask(reached.keys() & self._whose)

    async def _announce(self, organization: str) -> bool:
        return await self.announce(organization, self._looked)

    async def announce(self, organization: str, until: int) -> bool:
        """Make deliveries of some of the organization's events up to a position, from the last stop; returns whether
        there are more. Raises: temporary failures.
        """
        postgres = self._postgres.of(organization)
        async with postgres.transaction(isolation="repeatable_read") as connection:
            destinations = await active_destinations(connection, organization)
            before = await _FOLLOWING.position(connection, organization)
            begins = max(before or 0, min((destination.since for destination in destinations), default=until))
            rows, is_full = await _FOLLOWING.next(connection, organization, _types(destinations), begins, BYTES, until)
        positions = [row["position"] for row in rows]
        told, failed = await self._told(postgres, destinations, positions)
        is_last = not is_full and failed.keys().isdisjoint(positions[-1:])
        reached = until if is_last else max(position for position in positions if position not in failed)
        is_added = await self._add(postgres, destinations, before, reached, told)
        if is_added:
            self._note(organization, {position: error for position, error in failed.items() if position < reached})
        return not (is_last and is_added)

    async def _told(
        self, postgres: Postgres, destinations: Sequence[Destination], positions: Sequence[int]
    ) -> tuple[list[Told], dict[int, Exception]]:
        """The events as they are sent, oldest first; and, if any fails, each on its own, so that the others are told.
        Raises: what passes; what the first one raises, if all fail: then it is none of them that is wrong."""
        if not positions:
            return [], {}
        try:
            return await self._encoded(postgres, destinations, positions), {}
        except INTERRUPTIONS:
            raise
        except Exception:
            told, failed = list[Told](), dict[int, Exception]()
            for position in positions:
                try:
                    told += await self._encoded(postgres, destinations, [position])
                except INTERRUPTIONS:
                    raise
                except Exception as error:
                    failed[position] = error
            if len(failed) == len(positions):
                raise
            return told, failed

    async def _encoded(
        self, postgres: Postgres, destinations: Sequence[Destination], positions: Sequence[int]
    ) -> list[Told]:
        organization, generation = postgres.whose, self._generations().commands
        documents = await self._documents(postgres, organization, positions, generation)
        return await compute(organization, told_of, documents, destinations, self._encode)

    def _note(self, organization: str, passed_over: Mapping[int, Exception]) -> None:
        for position, error in passed_over.items():
            NOT_ANNOUNCED.inc()
            log.error("event_not_announced", organization=organization, position=position, exc_info=error)

    async def _add(
        self,
        postgres: Postgres,
        destinations: Sequence[Destination],
        before: int | None,
        reached: int,
        told: Sequence[Told],
    ) -> bool:
        """Put them into the queues, in parts, of which the last moves how far was looked; False: somebody else has
        looked meanwhile, so it is to be looked once more."""
        organization, parts = postgres.whose, list(parts_of(BYTES, destinations, told))
        for number, part in enumerate(parts, 1):
            async with postgres.transaction() as connection:
                await lock_organizations_queues(connection, organization)
                if await _FOLLOWING.position(connection, organization) != before:
                    return False
                for destination, deliveries in part:
                    await add(connection, organization, destination, deliveries)
                if number == len(parts):
                    await _FOLLOWING.move(connection, organization, reached)
        return True


def _types(destinations: Sequence[Destination]) -> set[str]:
    """The types of facts that any of these destinations may want."""

    def is_wanted(name: str) -> bool:
        return any(wants(destination.event_types, name) for destination in destinations)

    types = {happening.fact_type for happening in HAPPENINGS if is_wanted(happening.name)}
    return types | (set(ALERT_TYPES) if any(map(is_wanted, (NOTIFICATION, *TOLD))) else set())
