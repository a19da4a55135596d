"""Which records of the log and the catalog a bill follows from, and the proof of all of them at once.

The records are given a few at a time, in order; where they come from is nothing to this module.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from events.codec import ForeignRecordError, decode_own
from events.facts.bills import BillFact, BillIssued
from events.facts.resources import AccountCreated
from events.sources import LastSequences, Origins
from projections.proof.merkle import Hash, pruned
from projections.proof.segments import Cut, Cutter, Segment
from services.proof.deriving import Said, said
from services.proof.documents import PartitionProof, RecordSaid, SegmentProof
from services.proof.head import Place, segment_said

#: Whether a record is wanted.
Wants = Callable[[int, bytes], bool]


class _Reading:
    """Records that count in one partition: this system's, each once."""

    def __init__(self, origins: Origins) -> None:
        self._origins, self._sequences = origins, LastSequences()

    def counted(self, value: bytes) -> Said | None:
        """What the next record says; None: it does not count."""
        told = said(value)
        if told is None or not self._origins.own(told.source):
            return None
        return told if self._sequences.accepts(told.source, told.sequence) else None


class OfBill:
    """The records of the log that a bill follows from: all of its family up to its positions, and what tells of it."""

    def __init__(self, origins: Origins, organization: str, bill: BillIssued) -> None:
        self._origins, self._reading = origins, _Reading(origins)
        self._organization, self._bill = organization, bill
        self._members: set[str] = set()

    def __call__(self, offset: int, value: bytes) -> bool:
        told = self._reading.counted(value)
        if told is None or told.organization != self._organization:
            return False
        if told.account is None:
            return told.type == "ClockTicked" and offset < self._bill.positions.log
        if told.type == "AccountCreated":
            self._note(value)
        return told.account in self._members and (offset < self._bill.positions.log or self._tells_of_it(value))

    def _note(self, value: bytes) -> None:
        try:
            fact = decode_own(value, self._origins).data
        except ForeignRecordError:
            return
        if isinstance(fact, AccountCreated) and fact.root_id == self._bill.root_id:
            self._members.add(fact.id)

    def _tells_of_it(self, value: bytes) -> bool:
        if self._bill.bill_id.encode() not in value:
            return False
        try:
            fact = decode_own(value, self._origins).data
        except ForeignRecordError:
            return False
        return isinstance(fact, BillFact) and fact.bill_id == self._bill.bill_id


class OfCatalog:
    """The records of the catalog that it follows from: those of the whole organization, and no other customer's."""

    def __init__(self, origins: Origins, organization: str, bill: BillIssued) -> None:
        self._reading, self._organization, self._end = _Reading(origins), organization, bill.positions.catalog

    def __call__(self, offset: int, value: bytes) -> bool:
        told = self._reading.counted(value)
        ours = told is not None and told.organization == self._organization and told.account is None
        return ours and offset < self._end


class Collector:
    """Takes all records of a partition, and keeps those that are wanted with what proves them."""

    def __init__(self, place: Place, wants: Wants) -> None:
        self._place, self._wants, self._cutter = place, wants, Cutter(0)
        self._held: dict[int, bytes] = {}
        self._leaves: list[Hash] = []
        self._proved: list[SegmentProof] = []
        #: All that are complete.
        self.segments: list[Segment] = []

    def take(self, records: Sequence[tuple[int, bytes | None]]) -> None:
        """The next records, in order."""
        self._held |= {offset: value for offset, value in records if value and self._wants(offset, value)}
        for cut in self._cutter.take(records):
            self._complete(cut)

    def _complete(self, cut: Cut) -> None:
        index = len(self.segments)
        self.segments.append(cut.segment)
        self._leaves.append(cut.segment.leaf(*self._place))
        if kept := [bisect_left(cut.offsets, offset) for offset in self._held if offset < cut.segment.end]:
            records = tuple(self._said(cut, place) for place in kept)
            hashes = tuple(pruned(cut.leaves, kept))
            said = segment_said(cut.segment)
            self._proved.append(SegmentProof(index=index, segment=said, records=records, hashes=hashes))

    def _said(self, cut: Cut, place: int) -> RecordSaid:
        offset = cut.offsets[place]
        value = self._held.pop(offset).decode()
        return RecordSaid(offset=offset, place=place, value=value, leaf=cut.leaves[place])

    def proof(self, checkpoint: str, size: int) -> PartitionProof:
        """What was wanted, under a checkpoint whose tree has so many segments: all that were complete."""
        hashes = tuple(pruned(self._leaves[:size], [one.index for one in self._proved]))
        topic, partition = self._place
        return PartitionProof(
            topic=topic, partition=partition, checkpoint=checkpoint, segments=tuple(self._proved), hashes=hashes
        )
