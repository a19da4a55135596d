"""Which records of the log and the catalog a bill follows from, and the proof of all of them at once.

The records are given a few at a time, in order; where they come from is nothing to this module. Whoever verifies a file
asks the same of each record in it, so nothing counts there that the exporter would have left out.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

import msgspec

from events.codec import ForeignRecordError, decode_own
from events.envelope import event_id
from events.facts.bills import BillFact, BillIssued
from events.facts.resources import AccountCreated
from events.sources import LastSequences, Origins
from projections.proof.merkle import Hash, pruned
from projections.proof.segments import Cutter, Segment, SegmentLeaves
from projections.usage import PREFIX
from services.proof.documents import PartitionProof, RecordSaid, SegmentProof
from services.proof.head import TopicPartition, segment_said


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What every envelope says."""

    type: str
    source: str
    sequence: int
    organization: str
    id: str = ""
    account: str | None = None


_SAID = msgspec.json.Decoder(_Said)
_FOREIGN, _AGAIN = "is no record of this system", "has a number that its source had used before"
_OTHERS, _ASIDE = "is another organization's", "is none that the bill follows from"


class _Reading:
    """Records that count in one partition: this system's, each once, of one organization.

    What it makes of a record is what every reader of the log makes of it (`decode_own`, `LastSequences`), also where it
    gets only some of them: what counts among all counts among fewer.
    """

    def __init__(self, origins: Origins, organization: str) -> None:
        self._origins, self._organization, self._sequences = origins, organization, LastSequences()

    def read(self, value: bytes) -> "_Said | str":
        """What the next record says; a text: why it does not count."""
        try:
            said = _SAID.decode(value)
        except msgspec.MsgspecError:
            return _FOREIGN
        if not self._origins.own(said.source) or not (value.startswith(PREFIX) or _has_its_id(said)):
            return _FOREIGN
        if not self._sequences.accepts(said.source, said.sequence):
            return _AGAIN
        return said if said.organization == self._organization else _OTHERS


def _has_its_id(said: _Said) -> bool:
    """As `decode_own` asks it of all but usage in its usual form."""
    return said.id == str(event_id(said.source, said.sequence))


class Wants(Protocol):
    """Which records of a partition are wanted; it is asked of them in their order."""

    def why_not(self, offset: int, value: bytes) -> str | None:
        """Why the next record is not wanted, in words that follow its offset; None: it is."""


class RecordsOfBill:
    """The records of the log that a bill follows from: all of its family up to its positions, and what tells of it."""

    def __init__(self, origins: Origins, organization: str, bill: BillIssued) -> None:
        self._origins, self._reading, self._bill = origins, _Reading(origins, organization), bill
        self._members: set[str] = set()

    def why_not(self, offset: int, value: bytes) -> str | None:
        """As `Wants` has it."""
        said = self._reading.read(value)
        if isinstance(said, str):
            return said
        return None if self._is_wanted(said, offset, value) else _ASIDE

    def _is_wanted(self, said: _Said, offset: int, value: bytes) -> bool:
        if said.account is None:
            return said.type == "ClockTicked" and offset < self._bill.positions.log
        if said.type == "AccountCreated":
            self._note(value)
        return said.account in self._members and (offset < self._bill.positions.log or self._tells_of_it(value))

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
        self._reading, self._end = _Reading(origins, organization), bill.positions.catalog

    def why_not(self, offset: int, value: bytes) -> str | None:
        """As `Wants` has it."""
        said = self._reading.read(value)
        if isinstance(said, str):
            return said
        return None if said.account is None and offset < self._end else _ASIDE


class Collector:
    """Takes all records of a partition, and keeps those that are wanted with what proves them."""

    def __init__(self, topic_partition: TopicPartition, wants: Wants) -> None:
        self._topic_partition, self._wants, self._cutter = topic_partition, wants, Cutter(0)
        self._wanted: dict[int, bytes] = {}
        self._leaves: list[Hash] = []
        self._proved: list[SegmentProof] = []
        #: All that are complete.
        self.segments: list[Segment] = []

    def take(self, records: Sequence[tuple[int, bytes | None]]) -> None:
        """The next records, in order."""
        self._wanted |= {
            offset: value for offset, value in records if value and self._wants.why_not(offset, value) is None
        }
        for cut in self._cutter.take(records):
            self._complete(cut)

    def _complete(self, cut: SegmentLeaves) -> None:
        index = len(self.segments)
        self.segments.append(cut.segment)
        self._leaves.append(cut.segment.leaf(*self._topic_partition))
        if kept := [bisect_left(cut.offsets, offset) for offset in self._wanted if offset < cut.segment.end]:
            records = tuple(self._said(cut, index) for index in kept)
            hashes = tuple(pruned(cut.leaves, kept))
            said = segment_said(cut.segment)
            self._proved.append(SegmentProof(index=index, segment=said, records=records, hashes=hashes))

    def _said(self, cut: SegmentLeaves, index: int) -> RecordSaid:
        offset = cut.offsets[index]
        value = self._wanted.pop(offset).decode()
        return RecordSaid(offset=offset, place=index, value=value, leaf=cut.leaves[index])

    def proof(self, checkpoint: str, size: int) -> PartitionProof:
        """What was wanted, under a checkpoint whose tree has so many segments: all that were complete."""
        hashes = tuple(pruned(self._leaves[:size], [leaf.index for leaf in self._proved]))
        topic, partition = self._topic_partition
        return PartitionProof(
            topic=topic, partition=partition, checkpoint=checkpoint, segments=tuple(self._proved), hashes=hashes
        )
