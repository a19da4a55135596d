"""A bill as a file and in accounting, in a scenario's words: its statement, the months in which its lines are earned,
and its entries in a ledger.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from services.simulate.player import Beside, Earned, PlayedBill, RefusedError, Told
from services.simulate.telling import as_told

#: The parts of a statement that a story may expect, without ids, which mean nothing in a file.
STATED = (
    *("net", "tax", "total", "currency", "accountCode", "buyer", "seller", "purchaseOrderNumber", "note", "locale"),
    *("invoiceDate", "dueDate", "firstDay", "lastDay", "groups"),
)


def asked_of(expected: Any) -> Beside:
    """The parts that a step's expectation names; the comparison later judges their values."""
    bills = [bill for bill in expected if isinstance(bill, dict)] if isinstance(expected, list) else []
    listed = [bill["lines"] for bill in bills if isinstance(bill.get("lines"), list)]
    lines = [line for some in listed for line in some if isinstance(line, dict)]
    return Beside(
        any("statement" in bill for bill in bills), any("months" in line or "recognition" in line for line in lines)
    )


def filed(bill: PlayedBill, statement: Mapping[str, Any] | None, earned: Sequence[Earned] | None) -> PlayedBill:
    """The bill with the requested parts; `earned`: the months of each of its lines."""
    lines = bill.lines
    if earned is not None:
        lines = tuple(replace(line, earned=one) for line, one in zip(lines, earned, strict=True))
    return replace(bill, lines=lines, statement=statement)


def statement_told(document: Mapping[str, Any]) -> dict[str, Any]:
    """A statement from the JSON of GET bills/{id}/statement; each group with the sum of its lines."""
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
    """The postings of successive journals."""

    #: The day up to which the last journal closed ended prepayments.
    closed: date | None = None
    _postings: list[Posting] = field(default_factory=list)

    def check(self, day: date) -> None:
        """Check the order. Raises: RefusedError for a journal that would close less than the one before it."""
        if self.closed is not None and day < self.closed:
            raise RefusedError(f"the journal before this one closes up to {self.closed}, which is later")

    def post(self, postings: Iterable[Posting], day: date) -> None:
        """The rows of the next journal, which closes up to the day."""
        self._postings += postings
        self.closed = day

    def standing(self, day: date) -> Told:
        """The balance of each ledger account by the end of the day, by currency and account: debits, credits, and the
        difference.
        """
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
    """The body of POST dataexports/adhoc that requests the next journal."""
    body = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["JOURNAL"], "closedDate": day}
    return body | {name: value for name, value in (("chart", chart), ("since", since)) if value is not None}
