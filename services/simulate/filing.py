"""A bill as a file and as accounting, in a scenario's words: its statement, the months in which its lines are earned,
and what stands in a ledger by journals of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from services.simulate.player import Beside, Earned, PlayedBill, RefusedError, Told
from services.simulate.telling import as_told

#: What a statement says that a story may expect; ids stand for nothing in a file.
STATED = (
    *("net", "tax", "total", "currency", "accountCode", "buyer", "seller", "purchaseOrderNumber", "note", "locale"),
    *("invoiceDate", "dueDate", "firstDay", "lastDay", "groups"),
)


def asked_of(expected: Any) -> Beside:
    """What the expectation of a step names; whether it is right is judged when it is compared."""
    bills = [bill for bill in expected if isinstance(bill, dict)] if isinstance(expected, list) else []
    listed = [bill["lines"] for bill in bills if isinstance(bill.get("lines"), list)]
    lines = [line for some in listed for line in some if isinstance(line, dict)]
    return Beside(
        any("statement" in bill for bill in bills), any("months" in line or "recognition" in line for line in lines)
    )


def filed(bill: PlayedBill, statement: Mapping[str, Any] | None, earned: Sequence[Earned] | None) -> PlayedBill:
    """The bill with what was asked of it; `earned`: of each of its lines."""
    lines = bill.lines
    if earned is not None:
        lines = tuple(replace(line, earned=one) for line, one in zip(lines, earned, strict=True))
    return replace(bill, lines=lines, statement=statement)


def statement_told(document: Mapping[str, Any]) -> dict[str, Any]:
    """A statement, of the JSON that GET bills/{id}/statement answers; each group with the sum of its lines."""
    amounts = {line["sequenceNumber"]: Decimal(line["amount"]) for line in document["lines"]}
    groups = [
        as_told(
            {
                "title": group["title"],
                "childAccount": group.get("childAccountCode"),
                "amount": sum((amounts[number] for number in group["sequenceNumbers"]), Decimal(0)),
            }
        )
        for group in document["groups"]
    ]
    whole = {**document, "groups": groups}
    return {name: whole[name] for name in STATED if name in whole}


class Posting(NamedTuple):
    """A row of a journal: one side of an entry."""

    day: date
    ledger: str
    currency: str
    debit: Decimal
    credit: Decimal


@dataclass(slots=True)
class Ledger:
    """What journals that follow each other have posted."""

    #: The day up to which the last one closed prepayments that are over.
    closed: date | None = None
    _postings: list[Posting] = field(default_factory=list)

    def check(self, day: date) -> None:
        """Raises: RefusedError for a journal that would close less than the one before it."""
        if self.closed is not None and day < self.closed:
            raise RefusedError(f"the journal before this one closes up to {self.closed}, which is later")

    def post(self, postings: Iterable[Posting], day: date) -> None:
        """The rows of the next journal, which closes up to the day."""
        self._postings += postings
        self.closed = day

    def standing(self, day: date) -> Told:
        """What each account stands at by the end of the day, by currency and account: what was debited, credited, and
        the difference."""
        sums: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for posting in self._postings:
            if posting.day <= day:
                sides = sums[posting.currency, posting.ledger]
                sides[0] += posting.debit
                sides[1] += posting.credit
        return tuple(
            as_told(
                {"ledger": ledger, "currency": currency, "debit": debit, "credit": credit, "balance": debit - credit}
            )
            for (currency, ledger), (debit, credit) in sorted(sums.items())
        )


def journal_request(day: date, chart: Mapping[str, Any] | None, since: str | None = None) -> dict[str, Any]:
    """The body of POST dataexports/adhoc that asks for the next journal."""
    body = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["JOURNAL"], "closedDate": day}
    return body | {name: value for name, value in (("chart", chart), ("since", since)) if value is not None}
