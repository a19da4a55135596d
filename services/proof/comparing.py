"""A bill as it is shown, as it was issued and as it follows from its records, line by line."""

from collections import Counter
from collections.abc import Iterator, Sequence

from events.facts.bills import BillIssued, BillLine
from projections.settlement.billed import key_of
from services.proof.deriving import Issued
from services.proof.documents import BillExport
from services.proof.verdict import Verdict

#: What a line is told by besides its amount.
_PLACE_OF_LINE = ("id", "number")


def compare(verdict: Verdict, document: BillExport, issued: Issued, again: BillIssued | None) -> None:
    """What is shown, what was issued and what follows, line by line."""
    bill, lines = issued.bill, again.lines if again else ()
    left = Counter(map(_said, lines))
    numbers = [line.number for line in document.lines]
    for number, times in Counter(numbers).items():
        if times > 1:
            verdict.fails(f"line {number} is shown {times} times")
    if numbers != sorted(numbers):
        verdict.fails("the lines are not shown in the order of their numbers")
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
    _totals(verdict, document, issued, again)


def _totals(verdict: Verdict, document: BillExport, issued: Issued, again: BillIssued | None) -> None:
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
    return next((_told(other) for other in lines if key_of("", "", other) == key_of("", "", line)), "nothing")


def _said(line: BillLine) -> str:
    """All that a line says; its number and its id, which is made of the number, are its place on the bill."""
    return line.model_dump_json(exclude=set(_PLACE_OF_LINE))


def _told(line: BillLine) -> str:
    return f"{line.type} {line.amount} for {line.period_start} to {line.period_end}"
