"""The findings about a document, in words; which records of a partition it proves; and the comparison of its bill."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from events.facts.bills import BillIssued, BillLine
from projections.proof.merkle import UnprovenError, root_by_pruned
from projections.settlement.billed import content_of, in_words, key_of
from services.proof.deriving import BillInLog, LoggedRecord
from services.proof.documents import BillExport, PartitionProof, SegmentProof
from services.proof.head import Head, StrangeHeadError, TopicPartition, read_head
from services.signatures import ForgedError, OtherKeyError


@dataclass(slots=True)
class Verdict:
    """What was found, one line each. `wrong`: the findings that say what is not as it should be; `keys`: thumbprints of
    the keys that signed.
    """

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def holds(self, text: str) -> None:
        """Add a finding that something is as it should be."""
        self.lines.append(f"OK       {text}")

    def fails(self, text: str) -> None:
        """Add a finding that something is not as it should be."""
        self.lines.append(f"DIFFERS  {text}")
        self.wrong.append(text)

    def notes(self, text: str) -> None:
        """Add something else that the reader has to know."""
        self.lines.append(f"NOTE     {text}")

    def head(self, token: str, what: str, key: str | None) -> Head | None:
        """The head in a checkpoint's token. If it cannot be relied on, None, and a finding says why.

        `what`: the checkpoint's subject, for the finding; `key`: the thumbprint of the key that must have signed.
        """
        try:
            head, signed_by = read_head(token, key)
        except (OtherKeyError, ForgedError, StrangeHeadError) as error:
            self.fails(f"{what}: its checkpoint cannot be relied on: {error}")
            return None
        self.keys.add(signed_by)
        return head


class ProvedRecords(NamedTuple):
    """Records of a partition, in order, and the head that proves that they are in the log."""

    head: Head
    records: list[LoggedRecord]


def proved_records(
    verdict: Verdict, proof: PartitionProof, topic_partition: TopicPartition, key: str | None
) -> ProvedRecords | None:
    """The records in a file's proof of a partition. If any of it is not as it was signed, None, and findings say what.

    `topic_partition`: which partition it must be; `key`: the thumbprint of the key that must have signed, if known.
    """
    what = f"{proof.topic}/{proof.partition}"
    head = verdict.head(proof.checkpoint, what, key)
    if head is None:
        return None
    why_not = _why_not(proof, head, topic_partition)
    wrong = list(_wrong_in(proof)) if why_not is None else [why_not]
    for text in wrong:
        verdict.fails(f"{what}: {text}")
    if wrong:
        return None
    records = [LoggedRecord(record.offset, record.raw) for part in proof.segments for record in part.records]
    verdict.holds(f"{what}: {len(records)} records are part of {head.named}, {head.as_of}")
    return ProvedRecords(head, records)


def _why_not(proof: PartitionProof, head: Head, topic_partition: TopicPartition) -> str | None:
    """Why the proof's segments are not those that the checkpoint was signed over; None if they are."""
    if (head.topic, head.partition) != topic_partition or (proof.topic, proof.partition) != topic_partition:
        return f"{head.named} is another partition's"
    segments = [(part.index, part.segment.segment.leaf(*topic_partition)) for part in proof.segments]
    try:
        root = root_by_pruned(segments, head.size, proof.hashes)
    except UnprovenError as error:
        return f"no proof: {error}"
    return None if root == head.root else f"these segments are not those of {head.named}"


def _wrong_in(proof: PartitionProof) -> Iterator[str]:
    """What is wrong with the proof's records, given that its segments are as they were signed."""
    for part in proof.segments:
        yield from _wrong_in_segment(part)
    if any(second.segment.start < first.segment.end for first, second in pairwise(proof.segments)):
        yield "its segments overlap"
    offsets = [record.offset for part in proof.segments for record in part.records]
    if any(second <= first for first, second in pairwise(offsets)):
        yield "the records are not in the order of the log"


def _wrong_in_segment(proof: SegmentProof) -> Iterator[str]:
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


def compare(verdict: Verdict, document: BillExport, issued: BillInLog, again: BillIssued | None) -> None:
    """Compare line by line the bill as it is shown in the document, as it was issued, and as it was derived again.

    `again`: None if nothing was due. The findings go to `verdict`.
    """
    bill, lines = issued.bill, again.lines if again else ()
    left = Counter(map(content_of, lines))
    numbers = [line.number for line in document.lines]
    for number, times in Counter(numbers).items():
        if times > 1:
            verdict.fails(f"line {number} is shown {times} times")
    if numbers != sorted(numbers):
        verdict.fails("the lines are not shown in the order of their numbers")
    shown = {line.number: line for line in document.lines}
    for line in bill.lines:
        problems = list(_not_shown(line, shown.pop(line.number, None)))
        if left[content_of(line)]:
            left[content_of(line)] -= 1
        else:
            problems.append(f"derived is {_alike(line, lines)}")
        told = f"line {line.number}: {in_words(line)}"
        if problems:
            verdict.fails(f"{told}; {'; '.join(problems)}")
        else:
            verdict.holds(told)
    for extra in shown.values():
        verdict.fails(f"line {extra.number}: {in_words(extra)} is shown, and was not issued")
    for line in lines:
        if left[content_of(line)] > 0:
            left[content_of(line)] -= 1
            verdict.fails(f"{in_words(line)} is derived, and was not issued")
    _totals(verdict, document, issued, again)


def _totals(verdict: Verdict, document: BillExport, issued: BillInLog, again: BillIssued | None) -> None:
    bill = issued.bill
    whose = f"account {bill.account_id} of {issued.organization}"
    told = f"bill {bill.bill_id} of {whose}, {bill.bill_date}: {bill.total} {bill.currency}"
    totals = {"shown": document.total, "derived": again.total if again else None}
    others = [f"{name} is {total}" for name, total in totals.items() if total != bill.total]
    if others:
        verdict.fails(f"{told}; {'; '.join(others)}")
    else:
        verdict.holds(told)


def _not_shown(issued: BillLine, shown: BillLine | None) -> Iterator[str]:
    """How a line is shown otherwise than it was issued, one text for each difference."""
    if shown is None:
        yield "it is not shown"
    else:
        for name in BillLine.model_fields:
            ours, theirs = getattr(issued, name), getattr(shown, name)
            if ours != theirs:
                yield f"{name} is shown as {theirs}, and was issued as {ours}"


def _alike(line: BillLine, lines: Sequence[BillLine]) -> str:
    """The derived line with the same key as `line`, in words; "nothing" if there is none."""
    return next((in_words(other) for other in lines if key_of("", "", other) == key_of("", "", line)), "nothing")
