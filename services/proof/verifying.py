"""Verifies a document with nothing but itself and the operator's key: proofs first, then what follows from the records.

It says in words what holds and what does not, and names what was changed: the record, the segment, the checkpoint or
the line.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from events.bill_parts import BrokenBillError
from events.codec import UndecodableRecordError
from events.facts.bills import BillIssued, BillLine
from events.topics import CATALOG, EVENTS
from projections.proof.merkle import UnprovenError, is_consistent, root_by_inclusion, root_by_pruned
from projections.proof.segments import record_leaf
from projections.settlement.billed import key_of
from services.proof.deriving import Logged, derived, issued_in
from services.proof.documents import BillExport, Consistency, Inclusion, PartitionProof, Provable, SegmentProof
from services.proof.head import Head, StrangeHeadError, read_head
from services.signatures import ForgedError, OtherKeyError

#: What a line is told by besides its amount.
_PLACE_OF_LINE = ("id", "number")


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

    def head(self, token: str, what: str, key: str | None) -> Head | None:
        """A checkpoint, if it is what the key signed."""
        try:
            head, signed_by = read_head(token, key)
        except (OtherKeyError, ForgedError, StrangeHeadError) as error:
            self.fails(f"{what}: its checkpoint cannot be relied on: {error}")
            return None
        self.keys.add(signed_by)
        return head


def verify(document: Provable, key: str | None = None) -> Verdict:
    """What holds of a document. `key`: the thumbprint of the operator's key; None: whichever key it names."""
    verdict = Verdict()
    match document:
        case Inclusion():
            _inclusion(verdict, document, key)
        case Consistency():
            _consistency(verdict, document, key)
        case BillExport():
            _bill(verdict, document, key)
    return verdict


def _inclusion(verdict: Verdict, document: Inclusion, key: str | None) -> None:
    what = f"the record at offset {document.offset} of {document.topic}/{document.partition}"
    head = verdict.head(document.checkpoint, what, key)
    if head is None:
        return
    leaf = record_leaf(document.offset, document.value.encode(errors="surrogatepass"))
    segment = document.segment.segment
    try:
        root = root_by_inclusion(leaf, document.place, segment.records, document.segment_path)
        tree = root_by_inclusion(
            segment.leaf(document.topic, document.partition), document.index, head.size, document.tree_path
        )
    except UnprovenError as error:
        return verdict.fails(f"{what}: no proof: {error}")
    if tree != head.root:
        verdict.fails(f"{what}: its segment is not part of {head.named}")
    elif root != segment.root or not segment.start <= document.offset < segment.end:
        verdict.fails(f"{what} is not the one that was signed")
    else:
        verdict.holds(f"{what} is part of {head.named}")


def _consistency(verdict: Verdict, document: Consistency, key: str | None) -> None:
    first = verdict.head(document.first, "the first", key)
    second = verdict.head(document.second, "the second", key)
    if first is None or second is None:
        return
    alike = (first.topic, first.partition) == (second.topic, second.partition)
    if alike and is_consistent(first.size, first.root, second.size, second.root, document.path):
        verdict.holds(f"{second.named} goes on from checkpoint {first.size}: nothing before it was changed")
    else:
        verdict.fails(f"{second.named} does not go on from {first.named}")


def _bill(verdict: Verdict, document: BillExport, key: str | None) -> None:
    catalog = _records(verdict, document.catalog, (CATALOG, 0), key)
    log = _records(verdict, document.log, (EVENTS, document.log.partition), key)
    if verdict.wrong:
        return verdict.fails("no line is derived, for the records are not proved")
    try:
        bill, stands = issued_in(log, document.bill_id)
        if bill is None or bill.positions.partition != document.log.partition:
            return verdict.fails(f"bill {document.bill_id} was not issued, as far as these records tell")
        again = derived(document.organization, bill, catalog, log)
    except (UndecodableRecordError, BrokenBillError, LookupError) as error:
        return verdict.fails(f"no line is derived from these records: {type(error).__name__}: {error}")
    if not stands:
        verdict.fails(f"bill {bill.bill_id} was voided after it was issued")
    _compare(verdict, document, bill, again)


def _records(verdict: Verdict, proof: PartitionProof, place: tuple[str, int], key: str | None) -> list[Logged]:
    """The records of a partition, in order."""
    what = f"{proof.topic}/{proof.partition}"
    head = verdict.head(proof.checkpoint, what, key)
    if head is None:
        return []
    if (proof.topic, proof.partition) != place:
        verdict.fails(f"{what}: it is another partition's")
        return []
    segments = {one.index: one.segment.segment.leaf(*place) for one in proof.segments}
    try:
        root = root_by_pruned(segments, head.size, proof.hashes)
    except UnprovenError as error:
        verdict.fails(f"{what}: no proof: {error}")
        return []
    if root != head.root:
        verdict.fails(f"{what}: these segments are not those of {head.named}")
        return []
    wrong = [text for one in proof.segments for text in _wrong_in(one)]
    offsets = [record.offset for one in proof.segments for record in one.records]
    if any(second <= first for first, second in pairwise(offsets)):
        wrong.append("the records are not in the order of the log")
    for text in wrong:
        verdict.fails(f"{what}: {text}")
    if not wrong:
        verdict.holds(f"{what}: {len(offsets)} records are part of {head.named}")
    return [Logged(one.offset, one.value.encode()) for part in proof.segments for one in part.records if not wrong]


def _wrong_in(proof: SegmentProof) -> Iterator[str]:
    """What is wrong with the records of a segment that is what was signed."""
    said = proof.segment
    leaves = {record.place: record.leaf for record in proof.records}
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


def _compare(verdict: Verdict, document: BillExport, bill: BillIssued, again: BillIssued | None) -> None:
    """What is shown, what was issued and what follows, line by line."""
    lines = again.lines if again else ()
    left = Counter(map(_said, lines))
    shown = {line.number: line for line in document.lines}
    for line in bill.lines:
        problems = list(_not_shown(line, shown.pop(line.number, None)))
        if left[_said(line)]:
            left[_said(line)] -= 1
        else:
            problems.append(f"derived is {_alike(line, lines)}")
        told = f"line {line.number}: {_told(line)}"
        if problems:
            verdict.fails(f"{told}; {'; '.join(problems)}")
        else:
            verdict.holds(told)
    for extra in shown.values():
        verdict.fails(f"line {extra.number}: {_told(extra)} is shown, and was not issued")
    for line in lines:
        if left[_said(line)] > 0:
            left[_said(line)] -= 1
            verdict.fails(f"{_told(line)} is derived, and was not issued")
    _totals(verdict, document, bill, again)


def _totals(verdict: Verdict, document: BillExport, bill: BillIssued, again: BillIssued | None) -> None:
    told = f"bill {bill.bill_id} of account {bill.account_id}, {bill.bill_date}: {bill.total} {bill.currency}"
    found = {"shown": document.total, "derived": again.total if again else None}
    others = [f"{name} is {total}" for name, total in found.items() if total != bill.total]
    if others:
        verdict.fails(f"{told}; {'; '.join(others)}")
    else:
        verdict.holds(told)


def _not_shown(issued: BillLine, shown: BillLine | None) -> Iterator[str]:
    """What of an issued line is shown otherwise."""
    if shown is None:
        yield "it is not shown"
    else:
        for name in BillLine.model_fields:
            ours, theirs = getattr(issued, name), getattr(shown, name)
            if ours != theirs:
                yield f"{name} is shown as {theirs}, and was issued as {ours}"


def _alike(line: BillLine, lines: Sequence[BillLine]) -> str:
    """What is derived in the place of a line."""
    return next((_told(one) for one in lines if key_of("", "", one) == key_of("", "", line)), "nothing")


def _said(line: BillLine) -> str:
    """All that a line says; its number and its id, which is made of the number, are its place on the bill."""
    return line.model_dump_json(exclude=set(_PLACE_OF_LINE))


def _told(line: BillLine) -> str:
    return f"{line.type} {line.amount} for {line.period_start} to {line.period_end}"
