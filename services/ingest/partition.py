"""The memory of one `usage` partition in its ingest worker. The log is the checkpoint: all of it can be folded again.

`position` is the next offset of `billing.events` to fold; `next_usage` the next offset of `usage` to judge.

A partition that was added to `usage` later has no accounts and no partition of `billing.events`: its records are
re-routed, and its `UsageRead` stands in the log of its `home`.

Detecting a second writer: Kafka does not fence us, so the append of a worker that just lost its partition in a
rebalance still succeeds (decision 8). Each acknowledged batch has a base offset. If the offset follows our position,
nobody else wrote. If not, the gap is read. Facts of the event store and ticks are expected there. A record of *our*
source that we did not write means that another worker judged the same usage with its own memory. Our memory is then
wrong (it may lack an id that the other worker accepted), so it is dropped and folded again from the log, where the
sequence rule has already decided who was first.

The expected facts include corrections of usage (decision 32): usage is then rated by totals without voided and with
amended events.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from decimal import localcontext

import msgspec

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.decimals import EXACT
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection
from events.facts.usage import UsageRead
from events.sources import LastSequences, Origins, usage_partition_of
from events.topics import EVENTS
from projections.calendar import local_day
from projections.corrections import corrected_by
from projections.not_json import NOT_JSON
from services.breaks import LogWentBackError
from services.continuity.memory import mark_of_fact
from services.ingest.catalogs import Catalogs
from services.ingest.instants import day_number, parse_instant
from services.ingest.lane import Lane, LaneKey, days_in
from services.ingest.rating import Rater
from services.ingest.record import RecordWriter
from services.ingest.snapshot import Snapshot
from services.ingest.stale import Stale
from services.ingest.totals import CORRECTION_PREFIXES, RATED_PREFIX, READ_PREFIX, RatedEnvelope, decode_rated
from services.kafka import Appended, Cluster, FetchedRecord, Mark


class _Sourced(msgspec.Struct):
    source: str


_SOURCES = msgspec.json.Decoder(_Sourced)


class PartitionState:
    """Totals, seen ids and last sequences of one partition. `begin` is the first offset of its generation of
    `usage`.
    """

    def __init__(
        self, partition: int, home: int, generation: str, origins: Origins, snapshot: Snapshot, begin: int = 0
    ) -> None:
        self.partition, self.home = partition, home
        self.writer = RecordWriter(generation, partition)
        self._origins, self._begin = origins, begin
        self.position = snapshot.position
        self.totals = snapshot.totals
        self.seen = snapshot.seen
        self.rater = Rater(snapshot.totals)
        self.lanes: dict[LaneKey, Lane] = {}
        #: By account: the keys of its lanes.
        self._lanes_of: dict[str, list[LaneKey]] = {}
        #: The last sequence of each source of this partition, including the sources of earlier generations.
        self._sequences = LastSequences(snapshot.sequences)
        #: The last record before `next_usage`, as the log remembers it; None before the first.
        self.mark = snapshot.marks.get(self.writer.read_source)

    @property
    def next_usage(self) -> int:
        """The next offset of `usage` to judge.

        A poll that died between its records and its `UsageRead` is resumed after its last record. Refusals and
        re-routes before that record are already written; all usage after it is judged again.
        """
        return max(self.last_rated + 1, self.last_read, self._begin)

    @property
    def last_rated(self) -> int:
        """The last offset of `usage` that was rated; -1 before the first."""
        return self._sequences.last(self.writer.usage_source)

    @property
    def last_read(self) -> int:
        """The next offset of `usage` by the last `UsageRead`; -1 before the first."""
        return self._sequences.last(self.writer.read_source)

    @property
    def is_surplus(self) -> bool:
        """Whether the partition was added to `usage` later."""
        return self.partition != self.home

    def rated_up_to(self, offset: int) -> None:
        """Note that usage was rated, up to this offset."""
        self._sequences[self.writer.usage_source] = offset

    def read_up_to(self, next_offset: int, mark: Mark | None) -> None:
        """Note that `usage` was read up to this offset; `mark` is the last record read, None if there was none."""
        self._sequences[self.writer.read_source] = next_offset
        self.mark = self.mark if mark is None else mark

    def appended_up_to(self, position: int) -> None:
        """Note that all records of the log before this offset are applied here."""
        self.position = position

    def add_lane(self, key: LaneKey, lane: Lane) -> Lane:
        """Add a lane; `forget` removes it."""
        self.lanes[key] = lane
        self._lanes_of.setdefault(lane.account.id, []).append(key)
        return lane

    def forget(self, stale: Stale) -> None:
        """Drop the data derived from the catalog for these accounts; it is derived again when needed."""
        accounts = stale.accounts & self._lanes_of.keys()
        if stale.organizations:
            accounts |= {account_id for account_id, keys in self._lanes_of.items() if keys[0][0] in stale.organizations}
        for account in accounts:
            for key in self._lanes_of.pop(account):
                del self.lanes[key]
        self.rater.forget(accounts, prices=bool(stale.organizations))

    def fold(self, records: Sequence[FetchedRecord], catalogs: Catalogs) -> None:
        """Apply records of the log that this worker did not append in its lifetime, in order.

        Records that are not about usage are skipped: commands come by `billing.catalog`, and a stranger's records
        change nothing. Raises: UndecodableRecordError for usage that a newer program wrote.
        """
        with localcontext(EXACT):
            for record in records:
                value, day = record.value or b"", day_number(record.timestamp)
                with suppress(ForeignRecordError):
                    if value.startswith(RATED_PREFIX):
                        self._note_rated(decode_rated(value, self._origins), day, catalogs)
                    elif value.startswith(READ_PREFIX):
                        self._note_read(decode_own(value, self._origins))
                    else:
                        self._heed(record, catalogs)
                self.position = record.offset + 1
        self.seen.compact(day_number(records[-1].timestamp))

    def _heed(self, record: FetchedRecord, catalogs: Catalogs) -> None:
        """Apply a correction of an event to the totals, if the record is a new correction.

        The projector stops at corrections that this program does not understand; here they are skipped, because no bill
        rests on ingest's rating.
        """
        value = record.value or b""
        if not value.startswith(CORRECTION_PREFIXES):
            return
        with suppress(ForeignRecordError, UndecodableRecordError), localcontext(EXACT):
            envelope = decode_own(value, self._origins)
            fact, directory = envelope.data, catalogs.directory(envelope.organization)
            if not self._sequences.accepts(envelope.source, envelope.sequence) or directory is None:
                return
            account, plan = directory.resources.accounts.get(envelope.account or ""), None
            assert isinstance(fact, UsageCorrection)
            if account is not None and (plan := catalogs.meter_plan(directory, fact.meter_id)) is not None:
                event, day = corrected_by(envelope, None), local_day(fact.ts, account.timezone)
                now = event.adds(plan, fact.now) if isinstance(fact, UsageAmended) else ()
                self.totals.correct(account.id, day, plan, event.adds(plan, fact.was), now)
                self.forget(Stale(accounts=frozenset((account.id,))))

    async def second_writer(
        self, gap: AsyncGenerator[list[FetchedRecord], None], topic: str, catalogs: Catalogs
    ) -> str | None:
        """The evidence that another worker wrote into the gap, if any; corrections in the gap are applied."""
        sources = frozenset((self.writer.usage_source, self.writer.read_source))
        async with aclosing(gap):
            async for records in gap:
                for record in records:
                    if (why := second_writer(sources, record, topic)) is not None:
                        return why
                    self._heed(record, catalogs)
        return None

    def _is_next(self, source: str, sequence: int) -> bool:
        """The sequence rule, for sources of this partition."""
        return usage_partition_of(source) == self.partition and self._sequences.accepts(source, sequence)

    def _note_rated(self, rated: RatedEnvelope, day: int, catalogs: Catalogs) -> None:
        if not self._is_next(rated.source, rated.sequence):
            return
        data = rated.data
        self.seen.remember(bytes.fromhex(data.digest), day)
        directory = catalogs.directory(rated.organization)
        if directory is None or rated.account not in directory.resources.accounts:
            return  # deleted since then: no usage will be rated for it
        account = directory.resources.accounts[rated.account]
        plan = catalogs.meter_plan(directory, data.meter_id)
        if plan is not None:
            ts, ts_text = parse_instant(data.ts)
            days = days_in(account.timezone)
            self.totals.add_record(rated, ts, days.get(ts_text[:13]) or days.day(ts_text), plan)

    def _note_read(self, envelope: Envelope) -> None:
        if self._is_next(envelope.source, envelope.sequence) and envelope.source == self.writer.read_source:
            assert isinstance(envelope.data, UsageRead)
            self.mark = mark_of_fact(envelope.data.mark)


def gaps(
    cluster: Cluster, partition: int, position: int, acknowledged: Sequence[Appended]
) -> tuple[list[tuple[int, int]], int]:
    """The ranges `[start, end)` that others wrote between our batches, and the position after them.

    `acknowledged` are our batches in order. Raises: LogWentBackError.
    """
    gaps_before = []
    for base, count, _ in acknowledged:
        if base < position:
            raise LogWentBackError(cluster, EVENTS, partition, base, position)
        if base > position:
            gaps_before.append((position, base))
        position = base + count
    return gaps_before, position


def second_writer(sources: frozenset[str], record: FetchedRecord, topic: str) -> str | None:
    """What shows that another worker wrote this: it is of one of our sources; None if it is not.

    `topic` is what the log is called.
    """
    try:
        source = _SOURCES.decode(record.value or b"").source
    except NOT_JSON:  # it is none of our records
        return None
    return f"another worker wrote {source} at offset {record.offset} of {topic}" if source in sources else None
