"""Fees of prepayments: by plan, by schedule, with top-ups and cancels."""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from .commitment_grids import fee_grid
from .grid import FAR, periods
from .money import split_down
from .reading import Thing, absent, day, flag, money_or_zero, num, whole
from .readings import LAST_FEE_IN_ARREARS_AT_END_DATE
from .world import World


@dataclass(frozen=True)
class Fee:
    due: date
    start: date
    end: date
    amount: Fraction
    weight: Fraction = Fraction(1)


def outstanding(commitment: Thing) -> Fraction:
    return num(commitment["amount"]) - money_or_zero(commitment.get("amountPrePaid"))


def unscheduled(commitment: Thing) -> Fraction:
    """What of it the fee dates do not bill; 0 where there are none."""
    dates = commitment.get("feeDates")
    return outstanding(commitment) - sum((num(fee["amount"]) for fee in dates), Fraction(0)) if dates else Fraction(0)


def fees_of(world: World, commitment: Thing) -> list[Fee]:
    """All fees of a prepayment, whenever they are due."""
    top_ups = world.top_ups[str(commitment["code"])]
    if commitment.get("feeDates"):
        fees = [scheduled(world, commitment, given) for given in commitment["feeDates"]]
        fees += [at_once(commitment, top_up) for top_up in top_ups]
    elif not absent(commitment.get("billingPlan")):
        fees = with_top_ups(world, commitment, planned(world, commitment), top_ups)
    else:
        return []
    cancel = world.cancels.get(str(commitment["code"]))
    if cancel is None:
        return fees
    at, policy = day(cancel["date"]), str(cancel.get("policy") or "ACCELERATE")
    if policy == "WAIVE":
        return [fee for fee in fees if fee.due <= at]
    if policy == "ACCELERATE":
        return [replace(fee, due=min(fee.due, at)) for fee in fees]
    return fees


def scheduled(world: World, commitment: Thing, given: Thing) -> Fee:
    account = str(commitment["account"])
    names = ("date", "servicePeriodStartDate", "servicePeriodEndDate")
    due, start, end = (world.day_of(account, given[name]) for name in names)
    return Fee(due, start, end, num(given["amount"]))


def at_once(commitment: Thing, top_up: Thing) -> Fee:
    at = day(top_up["date"])
    return Fee(at, at, day(commitment["endDate"]), num(top_up["amount"]))


def planned(world: World, commitment: Thing) -> list[Fee]:
    start, end = day(commitment["startDate"]), day(commitment["endDate"])
    interval, offset = whole(commitment.get("billingInterval"), 1), whole(commitment.get("billingOffset"), 0)
    advance = flag(commitment.get("commitmentFeeBillInAdvance"), world.in_advance("commitmentFeeBillInAdvance"))
    riding = [
        period
        for period in periods(fee_grid(world, commitment), start, end, FAR)
        if period.number >= offset and (period.number - offset) % interval == 0
    ]
    owed = outstanding(commitment)
    if not riding:
        return [Fee(end, start, end, owed)]
    weights = [period.share for period in riding]
    first = money_or_zero(commitment.get("amountFirstBill"))
    currency = world.currency_of(commitment)
    if first and len(riding) > 1:
        amounts = [first, *split_down(owed - first, weights[1:], currency)]
    else:
        amounts = split_down(owed, weights, currency)
    dues = [period.start if advance else period.end for period in riding]
    if not advance and LAST_FEE_IN_ARREARS_AT_END_DATE:
        dues[-1] = end
    return [
        Fee(due, period.start, period.end, amount, weight)
        for due, period, amount, weight in zip(dues, riding, amounts, weights, strict=True)
    ]


def with_top_ups(world: World, commitment: Thing, fees: list[Fee], top_ups: list[Thing]) -> list[Fee]:
    """A top-up is owed on the planned fees that end after its date and are not due before it, else at once."""
    raised, alone = list(fees), []
    for top_up in top_ups:
        at = day(top_up["date"])
        bearing = [i for i, fee in enumerate(fees) if fee.end > at and fee.due >= at]
        if not bearing:
            alone.append(at_once(commitment, top_up))
            continue
        parts = split_down(num(top_up["amount"]), [fees[i].weight for i in bearing], world.currency_of(commitment))
        for i, part in zip(bearing, parts, strict=True):
            raised[i] = replace(raised[i], amount=raised[i].amount + part)
    return raised + alone
