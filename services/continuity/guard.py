"""Compares what is known of log and store with what is there: at a process's start, and at intervals while it works.

The clocks of this host and of Postgres are compared, too, and a difference is logged (decision 27). Whoever makes
topics anew or refills the store holds a lock meanwhile (`mending`), so that other processes wait for the end of that
work instead of reporting the breaks they see.
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

#: Seconds between two comparisons of end offsets, topics and the store's head; and at each how many of them the records
#: at known marks are compared, too.
CHECK_SECONDS = 15.0
RECORDS_EACH = 4
#: Seconds until a server that could not be reached is asked again.
AGAIN_SECONDS = 2.0
#: Bytes to fetch for a marked record; Kafka returns a larger batch whole.
MARK_BYTES = 64 * 1024
#: Clocks that differ by no more count as equal, because a slow answer may look like such a difference.
TOLERANCE = timedelta(minutes=1)
_NOW = "SELECT clock_timestamp()"
#: The name under which a process's pulse reports that the servers compared here are away; the error says which one.
_WHOM = "log and store"
_log = structlog.get_logger(__name__)

#: Gives a connection to Postgres for the length of a block.
Connect = Callable[[], AbstractAsyncContextManager[Any]]


def differing(times: Mapping[str, datetime]) -> list[str]:
    """Pairs of clocks that differ by more than TOLERANCE, a sentence each.

    `times`: what each clock showed, by its name, read at about the same moment.
    """
    differences = []
    for (name, here), (other_name, there) in combinations(times.items(), 2):
        apart = here - there
        if abs(apart) > TOLERANCE:
            side = "ahead of" if apart > timedelta(0) else "behind"
            differences.append(f"the clock of {name} is {abs(apart.total_seconds()):.0f} s {side} that of {other_name}")
    return differences


class ClockWatch:
    """Logs when clocks begin to differ and when they agree again. `differences`: a sentence each, now."""

    def __init__(self) -> None:
        self.differences: list[str] = []

    def compare(self, times: Mapping[str, datetime]) -> None:
        """Compare clocks: what each showed, by its name, read at about the same moment."""
        apart = differing(times)
        if apart and not self.differences:
            _log.warning("clocks_differ", found=apart)
        elif self.differences and not apart:
            _log.info("clocks_agree")
        self.differences = apart


@asynccontextmanager
async def mending(connection: Any) -> AsyncIterator[None]:
    """A block in which topics or store are repaired. It first waits for any other such block, in whatever process.

    `connection` holds the lock for the length of the block.
    """
    async with locked(connection, Lock.MEND):
        yield


async def check_nobody_mends(connection: Any) -> None:
    """Raises: BeingMendedError if somebody is in a `mending` block."""
    # A shared lock, so that two who ask do not hinder each other; it is released when the statement ends.
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock_shared($1)", Lock.MEND):
        raise BeingMendedError


class Guard:
    """One process's watch over log and store. `warnings`: findings that do not stop the process."""

    def __init__(self, cluster: Cluster, connect: Connect, generations: Generations) -> None:
        self._cluster, self._connect, self._generations = cluster, connect, generations
        self._known = 0
        self._added: dict[str, int] = {}
        self._clocks = ClockWatch()

    @property
    def warnings(self) -> list[str]:
        """Topics to which partitions were added, and clocks that differ, a sentence each."""
        added = [f"{topic} has {count} partitions, more than it was made with" for topic, count in self._added.items()]
        return [*added, *self._clocks.differences]

    async def check(self, *, records: bool = True) -> None:
        """Compare everything once. `records`: also compare the records at known marks.

        Raises: BreakError if something is broken; BeingMendedError if somebody is repairing it; GenerationsMovedError
        if topics or store were made anew since the process began; KafkaUnreachableError, PostgresUnreachableError.
        """
        async with AsyncExitStack() as stack:
            admin, reader = await self._open(stack)
            await self._compare(admin, reader, records)

    async def watch(self, tell: Callable[[str | None], None] = lambda why: None) -> None:
        """Compare at intervals, for ever. While a server is away, only that is reported, and it is asked again.

        `tell`: called with the reason when a comparison could not be made, and with None after each one that was.
        Raises: BreakError, GenerationsMovedError.
        """
        checks, pause = 0, CHECK_SECONDS
        while True:
            async with AsyncExitStack() as stack:
                try:
                    admin, reader = await self._open(stack)
                    while True:
                        heed_cancellation()  # a Kafka client may have swallowed the cancellation of this task
                        await asyncio.sleep(pause)
                        pause = CHECK_SECONDS
                        checks += 1
                        await self._compare(admin, reader, checks % RECORDS_EACH == 0)
                        tell(None)
                except (GenerationsMovedError, BreakError):
                    raise
                except Passing as error:
                    # The server that comes back may be another one, so its records are compared at once.
                    _log.debug("not_checked", why=str(error))
                    tell(str(error))
                    heed_cancellation()
                    checks, pause = -1, 0.0
                    await asyncio.sleep(AGAIN_SECONDS)

    def saw(self, newest: int) -> None:
        """Remember the position of the store's newest event.

        Raises: StoreWentBackError if a newer one was seen before.
        """
        if newest < self._known:
            raise StoreWentBackError(self._known, newest, "this process")
        self._known = newest

    async def _open(self, stack: AsyncExitStack) -> tuple[KafkaAdmin, LogReader]:
        admin = await stack.enter_async_context(KafkaAdmin(self._cluster))
        return admin, await stack.enter_async_context(LogReader(self._cluster, fetch_bytes=MARK_BYTES))

    async def unattended(self, lost: BreakError) -> BreakError:
        """Return `lost`, unless somebody is repairing it or has repaired it meanwhile.

        Raises: BeingMendedError if somebody is; GenerationsMovedError if somebody has; PostgresUnreachableError.
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
            # Read what is known before looking at what is there: so what is there can only be further on.
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
            # The note may have been written after the store was read, so read the store again.
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
    """What the live read models know of topics; nothing if they are of another version, which may not keep it."""
    try:
        return await read(connection, generations)
    except OutdatedReadModelsError as error:
        _log.debug("not_known_from_read_models", why=str(error))
        return []


async def guarded(guard: Guard, work: Coroutine[Any, Any, None], *beside: Coroutine[Any, Any, None]) -> None:
    """Run `work`, the guard's watch and the coroutines `beside`, until the first of them ends; then cancel the others.

    While a server is away the process counts as not ready, even if its work does not need that server just then.

    Raises: what any of them raises; BreakError, GenerationsMovedError.
    """
    tell = partial(PULSE.away, _WHOM)
    tell(None)
    tasks = {asyncio.create_task(task) for task in (work, guard.watch(tell), *beside)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Cancel each task once only. While its topic is missing, a consumer cannot leave its group at once; one that is
        # cancelled again while leaving stays in the group as a member that never joins again.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        try:
            task.result()
        except BreakError as error:
            raise await guard.unattended(error) from None
