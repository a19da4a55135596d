"""Makes the event store and the log agree again, while nothing else writes to either.

Events that the log holds and the store has lost are inserted at their positions. Events that the store holds and the
log has lost at its end are written again by the relay, which is put back to before them. Events that neither holds are
gone: those accepted and not relayed when Postgres was lost. Keys of idempotent requests and bill jobs are not in the
log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from events.topics import BILL_LINES, CATALOG, EVENTS, TOPICS
from services.breaks import BreakError, TopicMissingError
from services.continuity.check import check_ends, check_records, log_partitions
from services.continuity.guard import mending
from services.continuity.memory import Known, newest_noted, note, note_writer, read, written
from services.failures import ExpectedFailure, Worded
from services.kafka import BatchWriter, Cluster, KafkaAdmin, LogReader, Mark
from services.migrate.migrate import (
    known_topics,
    make_roles,
    migrate_store,
    record_limit,
    record_topic,
)
from services.migrate.new_usage import begin_usage_anew
from services.migrate.topics import make_topics
from services.postgres import Connection, Postgres
from services.postgres.locks import Lock, lock
from services.readside.live import begin_read_models_anew, make_read_models
from services.rebuild import altered, refill
from services.rebuild.personal_keys import KeysFound
from services.rebuild.rederived import last_lines, rebuild_view, write_lines
from services.rebuild.refill import Held, StrayEventsError, Unfinished
from services.rebuild.scan import Place, Scan, adopt_names, scan
from services.relay.cursor import put_back, put_marks, read_cursor, try_lead
from services.store.events import head
from services.store.generations import Generations, load_generations
from services.store.lost_rows import RELAY, lost_rows

log = structlog.get_logger(__name__)

_LOCK_APPENDS = "SELECT pg_advisory_xact_lock($1)"
#: Neither commands nor a relay have ever worked here; an earlier rebuild that was killed has left nothing else.
_IS_NEW = """
SELECT NOT EXISTS (SELECT FROM store.events) AND NOT EXISTS (SELECT FROM store.relay WHERE position > 0 OR tick > 0)
"""


class RelayRunsError(Worded, ExpectedFailure):
    """a relay is at work, so store and log go on from each other; to rebuild all the same, stop Trueup first"""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The result of making the store hold everything that the log holds."""

    generations: Generations
    #: The position up to which the log has the store's events: the relay resumes from there.
    position: int
    #: Events that the log held and the store did not.
    added: int
    #: Events that the relay will write to the log again.
    again: int
    #: The state of accounts' keys of personal data.
    keys: KeysFound
    #: Positions of events that were not what the log holds, and are so again.
    altered: Sequence[int]
    #: Resources whose rows were not what follows from the events, and are so again.
    resources: int
    #: Divided bills of which the log holds the beginning but not the end.
    unfinished: Sequence[Unfinished]
    #: Events that contradicted the log, as JSON.
    discarded: Sequence[str]
    #: The newest event, and the newest that the relay had been about to write: events between them were lost.
    head: int
    noted: int


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The results of a rebuild."""

    #: Records of the log that were read.
    records: int
    agreed: Agreed
    #: Lines of bills that were written again.
    lines: int
    #: Whether the read models are empty and have to be filled.
    read_models_lost: bool


async def rebuild_store(
    postgres: Postgres, cluster: Cluster, *, record_bytes: int, whole: bool = False, drop_strays: bool = False
) -> Rebuilt:
    """Rebuild, and return the results. `whole`: compare all that the log holds, not only what came behind the relay's
    last records. `drop_strays`: events that contradict the log are removed.

    Raises: RelayRunsError, TopicMissingError, AnotherLogError, StrayEventsError, LogLostError.
    """
    async with postgres.connection() as connection:
        await lock(connection, Lock.MIGRATE)
        await migrate_store(connection)
        await make_roles(connection, lambda line: log.warning("roles_missing", note=line))
        if not await try_lead(connection):
            raise RelayRunsError
        is_new, lost = await connection.fetchval(_IS_NEW), await lost_rows(connection)
        async with mending(connection), LogReader(cluster) as reader, KafkaAdmin(cluster) as admin:
            partitions = await _topics(connection, cluster, record_bytes)
            run = _Rebuild(connection, cluster, reader, admin, partitions, is_new=is_new, whole=whole or bool(lost))
            return await run.run(0 if RELAY in lost else None, drop_strays=drop_strays)


async def _topics(connection: Connection, cluster: Cluster, record_bytes: int) -> int:
    """Record the existing topics, make those that can be made anew; returns the partition count for life."""
    counts_made = await known_topics(connection)
    async with KafkaAdmin(cluster) as admin:
        there = await admin.partition_counts(topic.name for topic in TOPICS)
    for topic in (EVENTS, CATALOG):
        if topic not in there:
            raise TopicMissingError(cluster, topic)
    partitions = counts_made.get(EVENTS, there[EVENTS])
    standing = {topic.name: topic.count(partitions) for topic in TOPICS if topic.name in there}
    counts, _ = await make_topics(cluster, partitions, record_bytes, standing)
    await record_limit(connection, record_bytes)
    for name, count in counts.items():
        if name not in counts_made:
            await record_topic(connection, cluster, name, count)
    return int(partitions)


class _Rebuild:
    """One rebuild; no other process writes meanwhile."""

    def __init__(
        self,
        connection: Connection,
        cluster: Cluster,
        reader: LogReader,
        admin: KafkaAdmin,
        partitions: int,
        *,
        is_new: bool,
        whole: bool,
    ) -> None:
        self._connection, self._cluster, self._partitions, self._is_new = connection, cluster, partitions, is_new
        self._reader, self._admin, self._whole = reader, admin, whole

    async def run(self, acknowledged: int | None, *, drop_strays: bool) -> Rebuilt:
        """Rebuild. `acknowledged`: the position that Kafka has acknowledged; None: what the relay's row says."""
        if acknowledged is None:
            acknowledged = (await read_cursor(self._connection)).position
        if await head(self._connection) < acknowledged:
            self._whole = True  # the newest events are gone, but not the marks behind them: no backup looks like that
        intact = await self._intact(await written(self._connection))
        starts = {} if self._whole else {partition: mark.offset + 1 for partition, mark in intact.items()}
        seen = await scan(self._connection, self._reader, self._partitions, starts)
        async with self._connection.transaction():
            await self._connection.execute(_LOCK_APPENDS, Lock.APPEND)
            agreed = await self._agree(seen, intact, acknowledged, drop_strays=drop_strays)
        # Read models of another version cannot be read here, and they are filled again in any case.
        if not (await make_read_models(self._connection)).is_current:
            await begin_read_models_anew(self._connection)
        lines = await self._write_lines(agreed, intact)
        await begin_usage_anew(self._connection, self._cluster, list(seen.usage.values()))
        async with note_writer(self._cluster) as notes:
            await note(notes, agreed.generations, agreed.position)
        return Rebuilt(seen.records, agreed, lines, not await self._stand(agreed.generations))

    async def _intact(self, positions: list[Known]) -> dict[Place, Mark]:
        """The marks whose records are unchanged."""
        marks = {}
        for position in positions:
            try:
                await check_ends(self._reader, [position])
                await check_records(self._reader, [position])
            except BreakError:
                continue
            if position.mark is not None:
                marks[position.topic, position.partition] = position.mark
        return marks

    async def _agree(self, seen: Scan, intact: Mapping[Place, Mark], acknowledged: int, *, drop_strays: bool) -> Agreed:
        """Refill the store in the caller's transaction."""
        connection, keys = self._connection, KeysFound()
        await adopt_names(connection, seen, is_new=self._is_new)
        generations = await load_generations(connection)
        places = {}
        for partition in log_partitions(self._partitions):
            since = acknowledged if partition in intact and not self._whole else 0
            places[partition] = Held(max(seen.last.get(partition, 0), since), since)
        await refill.check_log(connection, self._cluster, places, acknowledged)
        strays = await refill.strays(connection, generations.commands, places, acknowledged)
        if strays and not drop_strays:
            raise StrayEventsError(strays)
        organizations, discarded = await refill.discard(connection, generations.commands, strays)
        before = await head(connection)
        mended = await altered.remove_altered(connection, generations.commands, acknowledged)
        added = await refill.refill(connection)
        unfinished = await refill.unfinished_bills(connection, before)
        everybody = set[str]()
        if self._whole:
            await altered.remember_view(connection)
            everybody = await altered.organizations_of(connection)
        for organization in sorted({*organizations, *added, *everybody}):
            keys += await rebuild_view(connection, organization, generations.commands)
        rows = await altered.changed_in_view(connection) if self._whole else 0
        newest, noted = await head(connection), await newest_noted(self._admin, generations)
        position = await refill.complete_up_to(connection, places, newest)
        again = await refill.count_after(connection, position)
        await refill.number_on_from(connection, max(newest, noted))
        await put_back(connection, position, seen.tick)
        await put_marks(connection, {**intact, **seen.marks})
        count = sum(added.values()) - len(mended)
        return Agreed(generations, position, count, again, keys, mended, rows, unfinished, discarded, newest, noted)

    async def _write_lines(self, agreed: Agreed, intact: Mapping[Place, Mark]) -> int:
        """Write the lines that the log has lost; returns their number."""
        lines = 0
        async with BatchWriter(self._cluster) as writer:
            for partition in range(self._partitions):
                if (BILL_LINES, partition) in intact:
                    continue
                start = await last_lines(self._reader, partition)
                async with self._connection.transaction(patient=True):
                    bills = (partition, start, agreed.position, agreed.generations.commands)
                    count, mark = await write_lines(self._connection, writer, *bills)
                    if mark is not None:
                        await put_marks(self._connection, {(BILL_LINES, partition): mark})
                lines += count
        return lines

    async def _stand(self, generations: Generations) -> bool:
        """Whether the read models agree with the log, and are not empty; otherwise they are begun anew."""
        positions = [position for position in await read(self._connection, generations) if position.topic == EVENTS]
        try:
            await check_ends(self._reader, positions)
            await check_records(self._reader, positions)
        except BreakError:
            positions = []
            await begin_read_models_anew(self._connection)
        return bool(positions)
