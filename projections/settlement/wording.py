"""How a bill line reads: its descriptions and references, as `BillLine` names them."""

from datetime import date
from typing import Any

from events.facts.bills import BillLine, LineType
from projections.calendar import Period
from projections.line_types import DRAWS
from projections.rating.recurring import rides, standing_period
from projections.rating.terms import PlanTerms
from projections.rating.timelines import held_days
from projections.settlement.billed import LineKey
from projections.settlement.family import FamilyTerms
from projections.settlement.lines import DueLine


def wording_of(key: LineKey, due: DueLine) -> dict[str, Any]:
    """How a line reads: its names, descriptions and references, as the period now is."""
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
        "account_plan_id": charge.plan.id or None,
        "contract_id": charge.plan.contract_id,
        "pricing_id": charge.pricing_id,
        "charge_id": charge.charge_id,
        "balance_id": charge.balance_id,
        "aggregation_id": charge.aggregation_id,
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
        wording["unit"] = charge.unit if key.type == "OVERAGE_USAGE" else ""
        if key.type in DRAWS:
            wording |= {"accounting_product_id": fund.accounting_product_id, "charge_type": charge.type}
    return wording


def _fund_description(line_type: LineType, charge: str, usage: str, overage: str) -> str:
    match line_type:
        case "OVERAGE_SURCHARGE":
            return overage or f"{charge} Overage Surcharge"
        case "OVERAGE_USAGE":
            return overage or f"{charge} Overage"
        case _:
            return usage


def given_back_wording(terms: FamilyTerms, key: LineKey, last: BillLine) -> dict[str, Any]:
    """How a line reads whose key owes nothing any more: as it was billed last, naming the period as it now is."""
    wording = last.model_dump(exclude={"id", "number", "amount", "quantity", "units"}, by_alias=False)
    end = _current_end(terms, key, last)
    return wording if end is None else wording | {"period_end": end}


def _current_end(terms: FamilyTerms, key: LineKey, last: BillLine) -> date | None:
    """The end of the key's period under the terms as they are; None where no such period starts on its day any more.

    A price that comes later may shorten the one that was billed, an amended endDate the last period of a fee.
    """
    one_off = next((one for one in terms.one_offs if one.charge_id == key.item_id), None)
    if one_off is not None:
        return one_off.end if one_off.start == key.start else None
    if not key.plan_id:
        fees = (fee for one in terms.prepayments if one.fund.id == key.agreement_id for fee in one.fees)
        return max((fee.end for fee in fees if fee.start == key.start), default=None)
    plans = [plan for plan in terms.plans if plan.plan_id == key.plan_id and _may_stand(terms, plan, key, last)]
    ends = [days.end for plan in plans for days in _charge_days(plan, key) if days.start == key.start < days.end]
    # A summary of several accounts named the period that ends last: while any of them ends there it does so still.
    return last.period_end if last.period_end in ends else max(ends, default=None)


def _may_stand(terms: FamilyTerms, plan: PlanTerms, key: LineKey, last: BillLine) -> bool:
    """Whether charges of the account plan may be on the line: the one that it names, and in the parent's name its own
    ones and what is summed up there (rules 7.2, 7.3). A child's commitment or balance pays for that child alone. The
    commitment of a draw may be deleted since."""
    named = plan.id == last.account_plan_id
    fund = next((fund for fund in terms.funds if fund.id == key.agreement_id), None)
    of_one_account = key.owner_id != terms.root_id or (fund is not None and fund.account.id != terms.root_id)
    if named or of_one_account:
        return named
    summary = plan.mode == "PARENT_SUMMARY"
    if key.type == "COMMITMENT_CONSUMED":
        summary = plan.mode != "CHILD" and (fund is None or fund.mode == "PARENT_SUMMARY")
    return summary or plan.account.id == terms.root_id


def _charge_days(plan: PlanTerms, key: LineKey) -> list[Period]:
    """The days that a charge of the plan, or of one of its prices, has in the billing period of the key's day."""
    number = plan.grid.number(key.start)
    period = plan.period(number)
    if "STANDING_CHARGE" in (key.type, key.pays):
        return [standing_period(plan, number)[0]] if rides(plan, number) else []
    if not key.item_id:
        return [period]
    held = [(pricing.id, runs) for one in plan.series for pricing, runs in held_days(one.spans, period)]
    held += [(pricing.id, runs) for one in plan.counters for pricing, runs in held_days(one.spans, period)]
    return [Period(runs[0].start, runs[-1].end) for pricing_id, runs in held if pricing_id == key.item_id]
