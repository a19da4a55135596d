"""What a difference gives back: the wording of a line whose key owes nothing any more, and what was billed for another
end of its period.
"""

from datetime import date
from decimal import localcontext
from typing import Any

from events.decimals import EXACT
from events.facts.bills import BillLine, OtherEnd
from projections.calendar import Period
from projections.line_types import DRAWN_AS, RIDING
from projections.rating.recurring import rides, standing_period
from projections.rating.terms import PlanTerms
from projections.rating.timelines import held_days
from projections.settlement.billed import BilledLine, LineKey
from projections.settlement.family import FamilyTerms


def given_back_wording(terms: FamilyTerms, key: LineKey, last: BillLine) -> dict[str, Any]:
    """The wording of a line whose key owes nothing any more: as it was billed last, with the period as it now is."""
    wording = last.model_dump(exclude={"id", "number", "amount", "quantity", "units", "other_ends"}, by_alias=False)
    end = _current_end(terms, key, last)
    return wording if end is None else wording | {"period_end": end}


def _current_end(terms: FamilyTerms, key: LineKey, last: BillLine) -> date | None:
    """The end of the key's period under current terms; None if no such period starts on the key's day any more.

    A pricing that was added later may shorten the billed period, and an amended endDate the last period of a fee.
    """
    one_off = next((charge for charge in terms.one_offs if charge.charge_id == key.item_id), None)
    if one_off is not None:
        return one_off.end if one_off.start == key.start else None
    return _charge_end(terms, key, last) if key.plan_id else _fee_end(terms, key)


def _fee_end(terms: FamilyTerms, key: LineKey) -> date | None:
    """The end of the commitment's fee that starts on the key's day."""
    commitments = [prepayment for prepayment in terms.prepayments if prepayment.fund.id == key.agreement_id]
    fees = [fee for prepayment in commitments for fee in prepayment.fees]
    return max((fee.end for fee in fees if fee.start == key.start), default=None)


def _charge_end(terms: FamilyTerms, key: LineKey, last: BillLine) -> date | None:
    """The end of the charges that start on the key's day and may be on the line."""
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
    """The days of a charge of the plan, a pricing or a counter, in the billing period that holds the key's day."""
    number = plan.grid.number(key.start)
    period = plan.period(number)
    if key.type in RIDING or key.pays in RIDING:
        return [standing_period(plan, number)[0]] if rides(plan, number) else []
    if not key.item_id:
        return [period]
    held = [(pricing.id, runs) for reader in plan.series for pricing, runs in held_days(reader.spans, period)]
    held += [(reader.counter_id, runs) for reader in plan.counters for _, runs in held_days(reader.spans, period)]
    return [Period(runs[0].start, runs[-1].end) for item_id, runs in held if item_id == key.item_id]


def other_ends(billed: BilledLine, end: date) -> tuple[OtherEnd, ...] | None:
    """What takes back the amounts that were billed while the period had another end than this one."""
    with localcontext(EXACT):
        others = sorted((other, amount) for other, amount in billed.by_end().items() if amount and other != end)
        return tuple(OtherEnd(period_end=other, amount=-amount) for other, amount in others) or None
