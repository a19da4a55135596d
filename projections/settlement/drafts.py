"""Bills and lines before they are issued: their content, their wording, and memos among the lines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from events.facts.bills import BillingFrequency, BillLine, LineType
from projections.calendar import Period, named_day
from projections.line_types import DRAWN_AS, DRAWS, LINES, RIDING
from projections.rating.recurring import rides, standing_period
from projections.rating.terms import PlanTerms
from projections.rating.timelines import held_days
from projections.settlement.billed import LineKey, PendingBill
from projections.settlement.family import FamilyTerms
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


def given_back_wording(terms: FamilyTerms, key: LineKey, last: BillLine) -> dict[str, Any]:
    """The wording of a line whose key no longer owes anything: as it was billed last, with the period as it is now."""
    wording = last.model_dump(exclude={"id", "number", "amount", "quantity", "units"}, by_alias=False)
    end = _current_end(terms, key, last)
    return wording if end is None else wording | {"period_end": end}


def _current_end(terms: FamilyTerms, key: LineKey, last: BillLine) -> date | None:
    """The end of the key's period under current terms; None if no such period starts on the key's day any more.

    A pricing that was added later may shorten the billed period, and an amended endDate the last period of a fee.
    """
    one_off = next((charge for charge in terms.one_offs if charge.charge_id == key.item_id), None)
    if one_off is not None:
        return one_off.end if one_off.start == key.start else None
    if not key.plan_id:
        fees = (
            fee for prepayment in terms.prepayments if prepayment.fund.id == key.agreement_id for fee in prepayment.fees
        )
        return max((fee.end for fee in fees if fee.start == key.start), default=None)
    plans = [plan for plan in terms.plans if plan.of_id == key.plan_id and _may_stand(terms, plan, key, last)]
    ends = [days.end for plan in plans for days in _charge_days(plan, key) if days.start == key.start < days.end]
    # A line over several accounts shows the period that ends last, if a period of one of the accounts still ends there.
    return last.period_end if last.period_end in ends else max(ends, default=None)


def _may_stand(terms: FamilyTerms, plan: PlanTerms, key: LineKey, last: BillLine) -> bool:
    """Whether charges of this account plan may be on the line.

    The line may name the plan. A line in the parent's name may have all its plans, and plans of children summed up
    there (rules 7.2, 7.3). A child's commitment or balance pays for that child only; it may have been deleted since.
    """
    named = plan.id == last.account_plan_id
    fund = next((fund for fund in terms.funds if fund.id == key.agreement_id), None)
    of_one_account = key.owner_id != terms.root_id or (fund is not None and fund.account.id != terms.root_id)
    if named or of_one_account:
        return named
    summary = plan.mode == "PARENT_SUMMARY"
    if key.type == DRAWN_AS["PREPAYMENT"]:
        summary = plan.mode != "CHILD" and (fund is None or fund.mode == "PARENT_SUMMARY")
    return summary or plan.account.id == terms.root_id


def _charge_days(plan: PlanTerms, key: LineKey) -> list[Period]:
    """The days of a charge of the plan, or of one of its pricings, in the billing period that holds the key's day."""
    number = plan.grid.number(key.start)
    period = plan.period(number)
    if key.type in RIDING or key.pays in RIDING:
        return [standing_period(plan, number)[0]] if rides(plan, number) else []
    if not key.item_id:
        return [period]
    by_pricing = [(pricing.id, runs) for reader in plan.series for pricing, runs in held_days(reader.spans, period)]
    by_pricing += [(pricing.id, runs) for reader in plan.counters for pricing, runs in held_days(reader.spans, period)]
    return [Period(runs[0].start, runs[-1].end) for pricing_id, runs in by_pricing if pricing_id == key.item_id]


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
