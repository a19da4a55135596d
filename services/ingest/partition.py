"""One `usage` partition as its ingest worker remembers it. The log is the checkpoint: all of this can be folded again.

`position` is the next offset of `billing.events` whose records are known here; `next_usage` where `usage` goes on.
"""

from collections.abc import Sequence
from decimal import localcontext

from events.codec import decode
from events.decimals import EXACT
from services.ingest.arrival import day_number
from services.ingest.catalogs import Catalogs
from services.ingest.instants import parse_instant
from services.ingest.lane import Lane, LaneKey, days_in
from services.ingest.rating import Rater
from services.ingest.record import RATED_PREFIX, READ_PREFIX, RatedEnvelope, RecordWriter, decode_rated
from services.ingest.snapshot import Snapshot
from services.kafka import FetchedRecord


class PartitionState:
    """Totals, ids seen and last sequences of one partition."""

    def __init__(self, partition: int, generation: str, snapshot: Snapshot) -> None:
        self.partition = partition
        self.writer = RecordWriter(generation, partition)
        self.position = snapshot.position
        self.totals = snapshot.totals
        self.seen = snapshot.seen
        self.rater = Rater(snapshot.totals)
        self.lanes: dict[LaneKey, Lane] = {}
        self.last_rated = snapshot.sequences.get(self.writer.usage_source, -1)
        self.last_read = snapshot.sequences.get(self.writer.read_source, -1)

    @property
    def next_usage(self) -> int:
        """The next offset of `usage` to judge.

        A poll that died between its records and its `UsageRead` is resumed after its last record; what it refused or
        carried elsewhere before that stands there already, and what lay after it is judged again.
        """
        return max(self.last_rated + 1, self.last_read, 0)

    def forget(self) -> None:
        """The catalog moved: what was worked out from it is worked out again when it is needed."""
        self.lanes.clear()
        self.rater.forget()

    def fold(self, records: Sequence[FetchedRecord], catalogs: Catalogs) -> None:
        """Apply records of the log that this worker did not append in this life, in order.

        Whatever is neither `UsageRated` nor `UsageRead` is passed over: commands come by `billing.catalog`.
        """
        with localcontext(EXACT):
            for record in records:
                if record.value.startswith(RATED_PREFIX):
                    self._note_rated(decode_rated(record.value), day_number(record.timestamp), catalogs)
                elif record.value.startswith(READ_PREFIX):
                    self._note_read(record.value)
        self.position = records[-1].offset + 1
        self.seen.compact(day_number(records[-1].timestamp))

    def _note_rated(self, rated: RatedEnvelope, day: int, catalogs: Catalogs) -> None:
        if rated.source != self.writer.usage_source or rated.sequence <= self.last_rated:
            return
        self.last_rated = rated.sequence
        data = rated.data
        self.seen.remember(bytes.fromhex(data.digest), day)
        directory = catalogs.directory(rated.organization)
        if directory is None or rated.account not in directory.resources.accounts:
            return  # deleted since: nothing will be rated for it
        account = directory.resources.accounts[rated.account]
        plan = catalogs.meter_plan(directory, data.meter_id)
        if plan is not None:
            ts, ts_text = parse_instant(data.ts)
            days = days_in(account.timezone)
            self.totals.add_record(rated, ts, days.get(ts_text[:13]) or days.day(ts_text), plan)

    def _note_read(self, value: bytes) -> None:
        envelope = decode(value)
        if envelope.source == self.writer.read_source:
            self.last_read = max(self.last_read, envelope.sequence)
