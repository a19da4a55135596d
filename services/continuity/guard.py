"""Compares what is known with what is there: at a process's start, and every few seconds while it works.

No clock is trusted alone: this host's and Postgres' are compared, too, and it is said when they differ (decision 27).
Who makes topics anew or refills the store says so (`mending`): what others find broken meanwhile is being seen to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any

import structlog

from services.breaks import BeingMendedError, BreakError, StoreWentBackError
from services.concurrency import heed_cancellation
from services.continuity.check import check_beginnings, check_ends, check_records, check_topics, check_unread
from services.continuity.memory import Known, newest_noted, read, written
from services.failures import Passing
from services.kafka import Cluster, KafkaAdmin, LogReader
from services.postgres.locks import Lock, locked
from services.readside.live import OutdatedReadModelsError
from services.sight.pulse import PULSE
from services.store.events import head
from services.store.generations import Generations, GenerationsMovedError, load_generations

#: Seconds between two comparisons of ends, topics and the store's head, and with how many of these the records at their
#: marks are compared once.
CHECK_SECONDS = 15.0
RECORDS_EACH = 4
#: Seconds until a server that is away is asked again.
AGAIN_SECONDS = 2.0
#: Bytes that are fetched of a marked record's batch; Kafka hands out a larger one whole.
MARK_BYTES = 64 * 1024
#: Clocks that differ by less count as equal: a slow answer or a young installation may show as much.
TOLERANCE = timedelta(minutes=1)
_NOW = "SELECT clock_timestamp()"
#: How a worker's pulse calls the servers that are compared: whichever is away names itself.
_WHOM = "log and store"
_log = structlog.get_logger(__name__)

#: Gives a connection to Postgres for the length of a block.
Connect = Callable[[], AbstractAsyncContextManager[Any]]


def differing(times: Mapping[str, datetime]) -> list[str]:
    """Which of these clocks, read at about the same moment, differ by more than TOLERANCE, in words."""
    differences = []
    for (name, here), (other_name, there) in combinations(times.items(), 2):
        apart = here - there
        if abs(apart) > TOLERANCE:
            side = "ahead of" if apart > timedelta(0) else "behind"
            differences.append(f"the clock of {name} is {abs(apart.total_seconds()):.0f} s {side} that of {other_name}")
    return differences


class ClockWatch:
    """Says that clocks differ, and that they no longer do: once for each change."""

    def __init__(self) -> None:
        self.differences: list[str] = []

    def compare(self, times: Mapping[str, datetime]) -> None:
        """Compare clocks that were read at about the same moment."""
        apart = differing(times)
        if apart and not self.differences:
            _log.warning("clocks_differ", found=apart)
        elif self.differences and not apart:
            _log.info("clocks_agree")
        self.differences = apart


@asynccontextmanager
async def mending(connection: Any) -> AsyncIterator[None]:
    """A block in which log or store are changed, over this connection; it waits while somebody else is in one."""
    async with locked(connection, Lock.MEND):
        yield


async def check_nobody_mends(connection: Any) -> None:
    """Raises: BeingMendedError."""
    # Shared, so that those who ask do not see each other; it is given back as the statement ends.
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock_shared($1)", Lock.MEND):
        raise BeingMendedError


class Guard:
    """One process's watch over log and store. `warnings` are what it found that nothing has to stop for."""

    def __init__(self, cluster: Cluster, connect: Connect, generations: Generations) -> None:
        self._cluster, self._connect, self._generations = cluster, connect, generations
        self._known = 0
        self._added: dict[str, int] = {}
        self._clocks = ClockWatch()

    @property
    def warnings(self) -> list[str]:
        """Partitions that somebody added and clocks that differ, a sentence each."""
        added = [f"{topic} has {count} partitions, more than it was made with" for topic, count in self._added.items()]
        return [*added, *self._clocks.differences]

    async def check(self, *, records: bool = True) -> None:
        """Compare everything; without `records` all but the records at their marks.

        Raises: BreakError; GenerationsMovedError; KafkaUnreachableError, PostgresUnreachableError.
        """
        async with AsyncExitStack() as stack:
            admin, reader = await self._open(stack)
            await self._compare(admin, reader, records)

    async def watch(self, tell: Callable[[str | None], None] = lambda why: None) -> None:
        """Check again and again. While a server is away nothing can be known, and whoever needs it says so.

        `tell` is told why, and None once all was compared again.

        Raises: BreakError, GenerationsMovedError.
        """
        checks, pause = 0, CHECK_SECONDS
        while True:
            async with AsyncExitStack() as stack:
                try:
                    admin, reader = await self._open(stack)
                    while True:
                        heed_cancellation()  # a client that opens, closes or asks may have lost it
                        await asyncio.sleep(pause)
                        pause = CHECK_SECONDS
                        checks += 1
                        await self._compare(admin, reader, checks % RECORDS_EACH == 0)
                        tell(None)
                except (GenerationsMovedError, BreakError):
                    raise
                except Passing as error:
                    # What comes back may be another server: then its records are looked at first.
                    _log.debug("not_checked", why=str(error))
                    tell(str(error))
                    heed_cancellation()
                    checks, pause = -1, 0.0
                    await asyncio.sleep(AGAIN_SECONDS)

    def saw(self, newest: int) -> None:
        """The store's newest event is this one. Raises: StoreWentBackError, if a newer one was seen before."""
        if newest < self._known:
            raise StoreWentBackError(self._known, newest, "this process")
        self._known = newest

    async def _open(self, stack: AsyncExitStack) -> tuple[KafkaAdmin, LogReader]:
        admin = await stack.enter_async_context(KafkaAdmin(self._cluster))
        return admin, await stack.enter_async_context(LogReader(self._cluster, fetch_bytes=MARK_BYTES))

    async def unattended(self, lost: BreakError) -> BreakError:
        """What was found broken, if nobody is at work on it, or was meanwhile.

        Raises: BeingMendedError, GenerationsMovedError; PostgresUnreachableError.
        """
        async with self._connect() as connection:
            await check_nobody_mends(connection)
            if await load_generations(connection) != self._generations:
                raise GenerationsMovedError
        return lost

    async def _compare(self, admin: KafkaAdmin, reader: LogReader, records: bool) -> None:
        try:
            await self._compare_all(admin, reader, records)
        except BreakError as error:
            raise await self.unattended(error) from None

    async def _compare_all(self, admin: KafkaAdmin, reader: LogReader, records: bool) -> None:
        async with self._connect() as connection:
            # What is known comes first: what is there can only be further on.
            generations = await load_generations(connection)
            positions = [*await written(connection), *await _read(connection, generations)]
            newest = await head(connection)
            here, there = datetime.now(UTC), await connection.fetchval(_NOW)
        if generations != self._generations:
            raise GenerationsMovedError
        self._note_added(await check_topics(admin, generations.partitions))
        await check_beginnings(reader, generations.partitions)
        await check_unread(reader, positions)
        await check_ends(reader, positions)
        if records:
            await check_records(reader, positions)
        await self._check_store(admin, newest)
        self._clocks.compare({"this host": here, "Postgres": there})

    async def _check_store(self, admin: KafkaAdmin, newest: int) -> None:
        noted = await newest_noted(admin, self._generations)
        if newest < noted:
            # What was noted after the store was asked is newer than what it said.
            async with self._connect() as connection:
                newest = await head(connection)
        if newest < noted:
            raise StoreWentBackError(noted, newest, "Kafka")
        self.saw(newest)

    def _note_added(self, added: dict[str, int]) -> None:
        added = {self._cluster.topic(topic): count for topic, count in added.items()}
        if added and added != self._added:
            _log.warning("partitions_added", topics=added, made_with=self._generations.partitions)
        self._added = added


async def _read(connection: Any, generations: Generations) -> list[Known]:
    """What the read models hold; nothing, while those of another version live that did not keep it."""
    try:
        return await read(connection, generations)
    except OutdatedReadModelsError as error:
        _log.debug("not_known_from_read_models", why=str(error))
        return []


async def guarded(guard: Guard, work: Coroutine[Any, Any, None], *beside: Coroutine[Any, Any, None]) -> None:
    """Do the work as long as nothing is broken, and something beside it that has no end of its own.

    While a server is away, the process is not ready, also if its work has nothing to ask of it.

    Raises: what one of them raises; BreakError, GenerationsMovedError.
    """
    tell = partial(PULSE.away, _WHOM)
    tell(None)
    tasks = {asyncio.create_task(task) for task in (work, guard.watch(tell), *beside)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Cancelled once, not again and again: to leave a group takes as long as its topic is gone, and a consumer that
        # is cut off while it leaves stays a member that never joins again.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        try:
            task.result()
        except BreakError as error:
            raise await guard.unattended(error) from None
