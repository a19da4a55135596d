"""Bills as differences: what is due for a key up to now, less what earlier bills charged for it (domain.md 8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID, uuid5

from events.decimals import EXACT
from events.facts.bills import BillIssued, BillLine, LineType, Positions
from projections.rating.terms import AccountTerms
from projections.settlement.billed import BilledLine, LineKey
from projections.settlement.family import Family
from projections.settlement.lines import DueLine
from projections.settlement.settle import Kept, Settlement, settle
from projections.settlement.wording import wording_of

BillingFrequency = Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC", "MIXED"]


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A bill line without an id: the difference for one key. Fields as in `BillLine`."""

    key: LineKey
    number: int
    amount: Decimal
    quantity: Decimal
    units: Decimal
    wording: Mapping[str, Any]

    @property
    def type(self) -> LineType:
        """Its line type."""
        return self.key.type

    def line(self, line_id: str) -> BillLine:
        """The line of an issued bill."""
        return BillLine(
            id=line_id, number=self.number, amount=self.amount, quantity=self.quantity, units=self.units, **self.wording
        )


@dataclass(frozen=True, slots=True)
class DraftBill:
    """A bill that is not issued: of one account in one currency, settled for `bill_date`."""

    account_id: str
    root_id: str
    currency: str
    bill_date: date
    due_date: date
    start: date
    end: date
    frequency: BillingFrequency
    interval: int | None
    timezone: str
    lines: tuple[DraftLine, ...]
    total: Decimal
    settlement: Settlement


def draft_bills(
    family: Family, *, date: date, account_id: str | None = None, kept: Kept | None = None
) -> list[DraftBill]:
    """The bills of a family for a date, without the empty ones; of one account only, when it is given.

    An account that has a later bill is settled for that bill's date. The whole family is settled either way.
    """
    accounts = [account_id] if account_id else list(family.terms.accounts)
    latest = family.billed.latest
    settled: dict[Any, Settlement] = {}
    found: list[DraftBill] = []
    for account in accounts:
        through = max(date, latest.get(account, date))
        if through not in settled:
            settled[through] = settle(family, through=through, accrued=False, kept=kept)
        found.extend(_drafts(settled[through], account))
    return found


def unbilled(
    family: Family, *, as_of: date, account_id: str | None = None, kept: Kept | None = None
) -> list[DraftBill]:
    """What has arrived or is due by the date and is not billed yet, in the shape of a preview."""
    latest = max([as_of, *family.billed.latest.values()])
    settlement = settle(family, through=latest, accrued=True, kept=kept)
    accounts = [account_id] if account_id else list(family.terms.accounts)
    return [draft for account in accounts for draft in _drafts(settlement, account)]


def issue(
    draft: DraftBill,
    *,
    bill_id: str,
    positions: Positions,
    bill_job_id: str | None = None,
    invoice_number: str | None = None,
) -> BillIssued:
    """The fact of a draft; line ids are uuid5 of the bill's id and the line's number."""
    namespace = UUID(bill_id)
    return BillIssued(
        bill_id=bill_id,
        account_id=draft.account_id,
        root_id=draft.root_id,
        bill_job_id=bill_job_id,
        bill_date=draft.bill_date,
        due_date=draft.due_date,
        start_date=draft.start,
        end_date=draft.end,
        billing_frequency=draft.frequency,
        bill_frequency_interval=draft.interval,
        currency=draft.currency,
        timezone=draft.timezone,
        sequential_invoice_number=invoice_number,
        total=draft.total,
        lines=tuple(line.line(str(uuid5(namespace, str(line.number)))) for line in draft.lines),
        positions=positions,
    )


def _drafts(settlement: Settlement, account_id: str) -> Iterable[DraftBill]:
    """One draft per currency that the account has differences in."""
    due, billed = settlement.lines, settlement.family.billed.by_key
    keys = {key for key in due if key.account_id == account_id}
    keys |= {key for key in billed if key.account_id == account_id}
    account = settlement.terms.accounts[account_id]
    for currency in sorted({key.currency for key in keys}):
        of_currency = [key for key in keys if key.currency == currency]
        lines = [
            line
            for key in sorted(of_currency, key=lambda key: _order(settlement, key))
            if (line := _difference(key, due.get(key), billed.get(key))) is not None
        ]
        if lines:
            yield _bill(settlement, account, currency, lines)


def _order(settlement: Settlement, key: LineKey) -> tuple[Any, ...]:
    """Lines by account (the bill's own first), service start, then the rest of the key."""
    owner = settlement.terms.accounts.get(key.owner_id)
    return (key.owner_id != key.account_id, owner.code if owner else "", key.start, *key)


def _difference(key: LineKey, due: DueLine | None, billed: BilledLine | None) -> DraftLine | None:
    """The net line of a key; None when neither amount nor quantity differs."""
    amount = due.money if due else Decimal(0)
    quantity, units = (_shown(due.quantity), _shown(due.units)) if due else (Decimal(0), Decimal(0))
    if billed is not None:
        with localcontext(EXACT):
            amount, quantity, units = amount - billed.amount, quantity - billed.quantity, units - billed.units
    if not amount and not quantity:
        return None
    if due is not None:
        wording = wording_of(key, due)
    else:
        assert billed is not None
        kept = billed.last.model_dump(exclude={"id", "number", "amount", "quantity", "units"}, by_alias=False)
        wording = kept
    return DraftLine(key, 0, amount, quantity, units, wording)


def _shown(quantity: Fraction) -> Decimal:
    """A quantity as it stands on a line: exact where 12 fraction digits suffice, else rounded to them."""
    scaled = round(quantity * 10**12)
    with localcontext(EXACT):
        shown = Decimal(scaled).scaleb(-12).normalize()
        return Decimal(format(shown, "f"))


def _bill(settlement: Settlement, account: AccountTerms, currency: str, lines: list[DraftLine]) -> DraftBill:
    numbered = tuple(
        DraftLine(line.key, number, line.amount, line.quantity, line.units, line.wording)
        for number, line in enumerate(lines, 1)
    )
    with localcontext(EXACT):
        total = sum((line.amount for line in numbered), Decimal(0))
    frequency, interval = _frequency(settlement, numbered)
    return DraftBill(
        account_id=account.id,
        root_id=account.root_id,
        currency=currency,
        bill_date=settlement.through,
        due_date=settlement.through + timedelta(days=account.days_before_due),
        start=min(line.key.start for line in numbered),
        end=max(line.wording["period_end"] for line in numbered),
        frequency=frequency,
        interval=interval,
        timezone=account.zone,
        lines=numbered,
        total=total,
        settlement=settlement,
    )


def _frequency(settlement: Settlement, lines: Iterable[DraftLine]) -> tuple[BillingFrequency, int | None]:
    """AD_HOC when nothing but scheduled fees is on it, MIXED when several frequencies are."""
    found: set[tuple[BillingFrequency, int]] = set()
    only_scheduled = True
    for line in lines:
        due = settlement.lines.get(line.key)
        scheduled = due is not None and due.scheduled
        only_scheduled = only_scheduled and scheduled
        source = None if due is None or scheduled else due.charge.plan if due.charge else due.fee or due.minimum
        if source is not None:
            found.add((source.frequency, source.interval))
    if only_scheduled:
        return "AD_HOC", None
    return found.pop() if len(found) == 1 else ("MIXED", None)
