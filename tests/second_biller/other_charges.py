"""Charges that are not usage: standing charge, counters, minimum spend; and what counters give back."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .charges import Charge, PricedPeriod, Slice
from .grid import Period, periods
from .money import round_money
from .rates import price_of
from .reading import Thing, absent, day_or_none, flag, num, num_or, whole
from .world import World


@dataclass
class Credit:
    """Takes from the charges of its account, product (none: all) and period before they are drawn."""

    rank: int
    account: str
    account_plan: Thing
    plan: str
    product: str
    scope: str | None
    item: str
    currency: str
    start: date
    end: date
    due: date
    amount: Fraction
    applied: Fraction = Fraction(0)

    @property
    def line_amount(self) -> Fraction:
        return -self.amount if self.rank == 0 else -self.applied


def other(world: World, ap: Thing, kind: str, item: str, period: Period, advance: bool, amount: Fraction) -> Charge:
    plan = world.get("plans", ap["plan"])
    due = period.start if advance else period.end
    charge = Charge(
        kind, str(ap["account"]), ap, str(plan["code"]), world.product_of(plan), item, world.plan_currency(plan),
        period.start, period.end, due, amount,
    )  # fmt: skip
    charge.slices = [Slice(period.start, amount)]
    return charge


def rounded(world: World, ap: Thing, amount: Fraction) -> Fraction:
    return round_money(amount, world.plan_currency(world.get("plans", ap["plan"])), world.rounding)


def standing_charges(world: World, ap: Thing, until: date) -> list[Charge]:
    plan = world.get("plans", ap["plan"])
    price = num_or(world.plan_term(plan, "standingCharge"), 0) or Fraction(0)
    if not price:
        return []
    interval = whole(world.plan_term(plan, "standingChargeInterval"), 1)
    offset = whole(world.plan_term(plan, "standingChargeOffset"), 0)
    advance = world.in_advance("standingChargeBillInAdvance", plan, world.template_of(plan))
    return [
        other(world, ap, "STANDING_CHARGE", "", period, advance, rounded(world, ap, price * period.share))
        for period in periods(world.grid_of(ap), *world.term_of(ap), until)
        if period.number >= offset and (period.number - offset) % interval == 0
    ]


def value_on(world: World, account: str, counter: str, at: date) -> Fraction:
    """A counter's value at the end of a day."""
    known = [d for d in world.adjustments[(account, counter)] if d <= at]
    return num(world.adjustments[(account, counter)][max(known)]["value"]) if known else Fraction(0)


def counter_charges(world: World, ap: Thing, until: date) -> tuple[list[Charge], list[Credit]]:
    charges: list[Charge] = []
    credits: list[Credit] = []
    plan = world.get("plans", ap["plan"])
    for pricing in world.all("counterPricings"):
        templates = not absent(plan.get("planTemplate")) and pricing.get("planTemplate") == plan["planTemplate"]
        if pricing.get("plan") != plan["code"] and not templates:
            continue
        start, end = world.term_of(ap)
        start = max(start, day_or_none(pricing.get("startDate")) or world.earliest)
        end = min(end, day_or_none(pricing.get("endDate")) or end)
        for period in periods(world.grid_of(ap), start, end, until):
            made, credit = counter_period(world, ap, pricing, period)
            charges += made
            credits += [credit] if credit else []
    return charges, credits


def counter_period(world: World, ap: Thing, pricing: Thing, period: Period) -> tuple[list[Charge], Credit | None]:
    account, counter, code = str(ap["account"]), str(pricing["counter"]), str(pricing["counter"])
    value = value_on(world, account, counter, period.start)
    share = period.share if flag(pricing.get("proRateRunningTotal"), True) else Fraction(1)
    advance = flag(pricing.get("runningTotalBillInAdvance"), True)
    total = rounded(world, ap, price_of(pricing, value) * share)
    charges = [other(world, ap, "COUNTER_RUNNING_TOTAL_CHARGE", code, period, advance, total)]
    charges[0].quantity = value
    debit, credit = Fraction(0), Fraction(0)
    for at in sorted(world.adjustments[(account, counter)]):
        if not period.start < at < period.end:
            continue
        new = value_on(world, account, counter, at)
        change = price_of(pricing, new) - price_of(pricing, value)
        left = Fraction((period.end - at).days, period.full_days)
        if change > 0:
            debit += change * (left if flag(pricing.get("proRateAdjustmentDebit"), True) else 1)
        else:
            credit -= change * (left if flag(pricing.get("proRateAdjustmentCredit"), True) else 1)
        value = new
    debit, credit = rounded(world, ap, debit), rounded(world, ap, credit)
    charges.append(other(world, ap, "COUNTER_ADJUSTMENT_DEBIT", code, period, False, debit))
    if not credit:
        return charges, None
    plan = world.get("plans", ap["plan"])
    product = world.product_of(plan)
    return charges, Credit(
        0, account, ap, str(plan["code"]), product, product, code, world.plan_currency(plan), period.start, period.end,
        period.end, credit,
    )  # fmt: skip


def pricing_credits(world: World, priced: PricedPeriod) -> list[Credit]:
    """A credit pricing's amount, one part per account."""
    plan = world.get("plans", priced.account_plan["plan"])
    product = world.product_of(plan)
    rank, scope = (1, product) if priced.pricing["type"] == "PRODUCT_CREDIT" else (2, None)
    return [
        Credit(
            rank, name, priced.account_plan, str(plan["code"]), product, scope, str(priced.pricing["code"]),
            priced.currency, priced.start, priced.end, priced.period.end, amount,
        )
        for name, amount in priced.parts(priced.amount).items()
    ]  # fmt: skip
