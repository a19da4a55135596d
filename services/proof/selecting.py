"""Selects the records of log and catalog that a bill follows from, and makes one proof of all of them.

The records are given a few at a time, in order, from wherever they come. Whoever verifies a file asks the same of each
record in it, so a record that the exporter would have left out does not count there either.
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
from projections.not_json import NOT_JSON
from projections.proof.merkle import Hash, pruned
from projections.proof.segments import Cutter, Segment, SegmentLeaves
from projections.usage import PREFIX
from services.proof.documents import PartitionProof, RecordSaid, SegmentProof
from services.proof.head import TopicPartition, segment_said


class _Said(msgspec.Struct, frozen=True, gc=False):
    """The members of an envelope that selecting needs."""

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
    """Decides which records of a partition count: those of this system and of one organization, each once.

    It treats a record as every reader of the log does (`decode_own`, `LastSequences`). It may also be given only some
    of the records: a record that counts among all of them counts among some, too.
    """

    def __init__(self, origins: Origins, organization: str) -> None:
        self._origins, self._organization, self._sequences = origins, organization, LastSequences()

    def read(self, value: bytes) -> "_Said | str":
        """The members of the next record or, if it does not count, why not, as a text."""
        try:
            said = _SAID.decode(value)
        except NOT_JSON:
            return _FOREIGN
        if not self._origins.own(said.source) or not (value.startswith(PREFIX) or _has_its_id(said)):
            return _FOREIGN
        if not self._sequences.accepts(said.source, said.sequence):
            return _AGAIN
        return said if said.organization == self._organization else _OTHERS


def _has_its_id(said: _Said) -> bool:
    """Whether the id follows from source and sequence, as `decode_own` requires except for usage in its usual form."""
    return said.id == str(event_id(said.source, said.sequence))


class Wants(Protocol):
    """Says which records of a partition are wanted. It must be asked about all given records in their order."""

    def why_not(self, offset: int, value: bytes) -> str | None:
        """Why the next record is not wanted, in words to put after its offset in a sentence; None if it is wanted."""


class RecordsOfBill:
    """Wants the records of the log that a bill follows from: those of its account family and ticks, up to the bill's
    position, and later ones only if they are about the bill itself.
    """

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
    """Wants the records of the catalog that a bill follows from: those of the whole organization, up to the bill's
    position. Records about an account are left out, so that no other customer's data are shown.
    """

    def __init__(self, origins: Origins, organization: str, bill: BillIssued) -> None:
        self._reading, self._end = _Reading(origins, organization), bill.positions.catalog

    def why_not(self, offset: int, value: bytes) -> str | None:
        """As `Wants` has it."""
        said = self._reading.read(value)
        if isinstance(said, str):
            return said
        return None if said.account is None and offset < self._end else _ASIDE


class Collector:
    """Takes all records of a partition, and keeps the wanted ones with what is needed to prove them."""

    def __init__(self, topic_partition: TopicPartition, wants: Wants) -> None:
        self._topic_partition, self._wants, self._cutter = topic_partition, wants, Cutter(0)
        self._wanted: dict[int, bytes] = {}
        self._leaves: list[Hash] = []
        self._proved: list[SegmentProof] = []
        #: All segments of the partition that are complete.
        self.segments: list[Segment] = []

    def take(self, records: Sequence[tuple[int, bytes | None]]) -> None:
        """Take the next records, in order."""
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
        """The proof of all wanted records. `checkpoint`: the token of the head of the `size` complete segments."""
        hashes = tuple(pruned(self._leaves[:size], [leaf.index for leaf in self._proved]))
        topic, partition = self._topic_partition
        return PartitionProof(
            topic=topic, partition=partition, checkpoint=checkpoint, segments=tuple(self._proved), hashes=hashes
        )
