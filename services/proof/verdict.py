"""What is found of a document, in words, and which records of a partition it proves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from projections.proof.merkle import UnprovenError, root_by_pruned
from services.proof.deriving import Logged
from services.proof.documents import PartitionProof, SegmentProof
from services.proof.head import Head, Place, StrangeHeadError, read_head
from services.signatures import ForgedError, OtherKeyError


@dataclass(slots=True)
class Verdict:
    """What was found, in words, one line each; `wrong` are those that say that something is not as it should be."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def holds(self, text: str) -> None:
        """Something is as it should be."""
        self.lines.append(f"OK       {text}")

    def fails(self, text: str) -> None:
        """Something is not."""
        self.lines.append(f"DIFFERS  {text}")
        self.wrong.append(text)

    def notes(self, text: str) -> None:
        """What whoever reads it has to know beside."""
        self.lines.append(f"NOTE     {text}")

    def head(self, token: str, what: str, key: str | None) -> Head | None:
        """A checkpoint, if it is what the key signed."""
        try:
            head, signed_by = read_head(token, key)
        except (OtherKeyError, ForgedError, StrangeHeadError) as error:
            self.fails(f"{what}: its checkpoint cannot be relied on: {error}")
            return None
        self.keys.add(signed_by)
        return head


class Proved(NamedTuple):
    """Records of a partition, in order, and the checkpoint under which they stand in the log."""

    head: Head
    records: list[Logged]


def proved_records(verdict: Verdict, proof: PartitionProof, place: Place, key: str | None) -> Proved | None:
    """What a file has of a partition; None if anything about it is not as it was signed."""
    what = f"{proof.topic}/{proof.partition}"
    head = verdict.head(proof.checkpoint, what, key)
    if head is None:
        return None
    if (head.topic, head.partition) != place or (proof.topic, proof.partition) != place:
        verdict.fails(f"{what}: {head.named} is another partition's")
        return None
    segments = [(part.index, part.segment.segment.leaf(*place)) for part in proof.segments]
    try:
        root = root_by_pruned(segments, head.size, proof.hashes)
    except UnprovenError as error:
        verdict.fails(f"{what}: no proof: {error}")
        return None
    if root != head.root:
        verdict.fails(f"{what}: these segments are not those of {head.named}")
        return None
    wrong = [text for part in proof.segments for text in _wrong_in(part)]
    if any(second.segment.start < first.segment.end for first, second in pairwise(proof.segments)):
        wrong.append("its segments overlap")
    offsets = [record.offset for part in proof.segments for record in part.records]
    if any(second <= first for first, second in pairwise(offsets)):
        wrong.append("the records are not in the order of the log")
    for text in wrong:
        verdict.fails(f"{what}: {text}")
    if not wrong:
        verdict.holds(f"{what}: {len(offsets)} records are part of {head.named}, {head.as_of}")
    records = [Logged(record.offset, record.raw) for part in proof.segments for record in part.records]
    return None if wrong else Proved(head, records)


def _wrong_in(proof: SegmentProof) -> Iterator[str]:
    """What is wrong with the records of a segment that is what was signed."""
    said = proof.segment
    leaves = [(record.place, record.leaf) for record in proof.records]
    try:
        root = root_by_pruned(leaves, said.records, proof.hashes)
    except UnprovenError as error:
        yield f"no proof of offsets {said.start} to {said.end}: {error}"
        return
    if root != said.root:
        yield f"the records of offsets {said.start} to {said.end} are not those that were signed"
    for record in proof.records:
        if not record.is_as_said or not said.start <= record.offset < said.end:
            yield f"the record at offset {record.offset} is not the one that was signed"
