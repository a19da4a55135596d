"""Bills and lines before they are issued: their content, their wording, and memos among the lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from events.facts.bills import BillingFrequency, BillLine, LineType
from projections.calendar import named_day
from projections.line_types import DRAWS, LINES
from projections.settlement.billed import LineKey, PendingBill
from projections.settlement.lines import DueLine
from projections.settlement.settled import Settlement

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A bill line without an id: the difference for one key. Fields as in `BillLine`."""

    key: LineKey
    number: int
    amount: Decimal
    quantity: Decimal
    units: Decimal
    wording: Mapping[str, Any]
    #: The id of a memo's line; other lines get an id when the bill is issued.
    id: str | None = None

    @property
    def type(self) -> LineType:
        """STANDING_CHARGE, USAGE and so on (`projections.line_types`); it is part of the key."""
        return self.key.type

    def line(self, line_id: str) -> BillLine:
        """The line of an issued bill. Members without a value are left out, so a member that older programs do not know
        enters the log only with a value.
        """
        words = {name: value for name, value in self.wording.items() if value is not None}
        return BillLine(
            id=line_id, number=self.number, amount=self.amount, quantity=self.quantity, units=self.units, **words
        )


@dataclass(frozen=True, slots=True)
class DraftBill:
    """A bill that is not issued: of one account in one currency, settled for `bill_date`."""

    account_id: str
    root_id: str
    currency: str
    bill_date: date
    due_date: date
    external_invoice_date: date
    start: date
    end: date
    frequency: BillingFrequency
    interval: int | None
    timezone: str
    lines: tuple[DraftLine, ...]
    total: Decimal
    settlement: Settlement
    #: The pending bill whose content this is.
    pending: PendingBill | None = None
    #: On a bill of all usage that has arrived: the day on which the last of it is due in arrears (rules 8.15).
    accrued_until: date | None = None


def memo_lines(pending: PendingBill, zone: str) -> list[DraftLine]:
    """One line per memo, in the order in which the memos were added; a credit's amount is negative. Lines have their
    memos' ids.
    """
    lines = []
    for memo_id, memo in pending.memos.items():
        start = named_day(memo.service_period_start_date, zone)
        key = LineKey(
            account_id=pending.account_id,
            currency=pending.currency,
            type=memo.line_item_type,
            owner_id=pending.account_id,
            product_id=memo.product_id,
            plan_id="",
            item_id="",
            start=start,
            agreement_id=memo_id,
        )
        wording = {
            "type": memo.line_item_type,
            "account_id": pending.account_id,
            "description": memo.description,
            "period_start": start,
            "period_end": named_day(memo.service_period_end_date, zone),
            "product_id": memo.product_id,
            "accounting_product_id": memo.accounting_product_id,
        }
        amount = -memo.amount if LINES[memo.line_item_type].taken_off else memo.amount
        lines.append(DraftLine(key, 0, amount, ONE, ONE, wording, memo_id))
    return lines


def wording_of(key: LineKey, due: DueLine) -> dict[str, Any]:
    """The wording of a line: its names, descriptions and references, for the period as it is now."""
    wording: dict[str, Any] = {
        "type": key.type,
        "account_id": key.owner_id,
        "period_start": key.start,
        "period_end": due.end,
    }
    if due.charge is not None:
        wording |= _charge_wording(key, due)
    if due.fee is not None:
        wording |= {
            "description": due.fee.fee_description,
            "commitment_id": key.agreement_id,
            "contract_id": due.fee.fund.contract_id,
            "accounting_product_id": due.fee.fee_accounting_product_id,
        }
    if due.minimum is not None:
        wording |= {
            "description": due.minimum.description,
            "commitment_id": key.agreement_id,
            "true_up": True,
            "contract_id": due.minimum.contract_id,
            "accounting_product_id": due.minimum.accounting_product_id,
        }
    return wording


def _charge_wording(key: LineKey, due: DueLine) -> dict[str, Any]:
    charge, fund = due.charge, due.fund
    assert charge is not None
    wording: dict[str, Any] = {
        "description": charge.description,
        "product_id": charge.plan.product_id or None,
        "plan_id": charge.plan.plan_id or None,
        "plan_group_id": charge.plan.group_id or None,
        "account_plan_id": charge.plan.id or None,
        "contract_id": charge.plan.contract_id,
        "pricing_id": charge.pricing_id,
        "charge_id": charge.charge_id,
        "balance_id": charge.balance_id,
        "aggregation_id": charge.aggregation_id,
        "compound_aggregation_id": charge.compound_id,
        "counter_id": charge.counter_id,
        "meter_id": charge.meter_id,
        "segment": charge.segment,
        "accounting_product_id": charge.accounting_product_id,
        "unit": charge.unit,
    }
    if fund is not None:
        wording["commitment_id" if fund.kind == "PREPAYMENT" else "balance_id"] = fund.id
        wording["description"] = _fund_description(
            key.type, charge.description, fund.usage_description, fund.overage_description
        )
        wording["unit"] = charge.unit if LINES[key.type].counted else ""
        if key.type in DRAWS:
            wording |= {"accounting_product_id": fund.accounting_product_id, "charge_type": charge.type}
    return wording


def _fund_description(line_type: LineType, charge: str, usage: str, overage: str) -> str:
    called = LINES[line_type].overage
    return overage or f"{charge} {called}" if called else usage


def frequency_of(
    settlement: Settlement, lines: Iterable[DraftLine], memos: Sequence[DraftLine]
) -> tuple[BillingFrequency, int | None]:
    """The billing frequency of a bill: AD_HOC if each line has a date of its own; MIXED if its lines have several
    frequencies, or none (memos only).
    """
    frequencies: set[tuple[BillingFrequency, int]] = set()
    only_scheduled = not memos
    for line in lines:
        due = settlement.lines.get(line.key)
        if due is not None and due.scheduled:
            continue
        only_scheduled = False
        if due is not None and due.billed_by is not None:
            frequencies.add((due.billed_by.frequency, due.billed_by.interval))
    if only_scheduled:
        return "AD_HOC", None
    return frequencies.pop() if len(frequencies) == 1 else ("MIXED", None)
