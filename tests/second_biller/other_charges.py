"""Charges that are not usage: standing charge, counters, minimum spend; and what counters give back."""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from .charges import Charge, Slice
from .grid import Period, joined, periods
from .holding import stretches
from .money import round_money
from .priced import PricedPeriod
from .rates import price_of
from .reading import Thing, absent, flag, money_or_zero, num, whole
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


def other(world: World, ap: Thing, kind: str, item: str, period: Period, due: date, amount: Fraction) -> Charge:
    plan = world.get("plans", ap["plan"])
    charge = Charge(
        kind, str(ap["account"]), ap, str(plan["code"]), world.product_of(plan), item, world.plan_currency(plan),
        period.start, period.end, due, amount,
    )  # fmt: skip
    charge.slices = [Slice(period.start, amount)]
    return charge


def rounded(world: World, ap: Thing, amount: Fraction) -> Fraction:
    return round_money(amount, world.plan_currency(world.get("plans", ap["plan"])), world.rounding)


def standing_charges(world: World, ap: Thing, until: date) -> list[Charge]:
    """Every interval of bills, due with its first; at 0 too where a price ever was, so that it names its period."""
    plan = world.get("plans", ap["plan"])
    if not world.ever(plan, "standingCharge"):
        return []
    interval = whole(world.plan_term(plan, "standingChargeInterval"), 1)
    offset = whole(world.plan_term(plan, "standingChargeOffset"), 0)
    advance = world.in_advance("standingChargeBillInAdvance", plan, world.template_of(plan))
    grid, term = world.grid_of(ap), world.term_of(ap)
    charges = []
    for riding in periods(grid, *term, until):
        if riding.number < offset or (riding.number - offset) % interval:
            continue
        covered = joined(grid, riding, interval, *term)
        price = money_or_zero(world.term_on(plan, "standingCharge", covered.start))
        due = riding.start if advance else riding.end
        charges.append(other(world, ap, "STANDING_CHARGE", "", covered, due, rounded(world, ap, price * covered.share)))
    return charges


def value_on(world: World, account: str, counter: str, at: date) -> Fraction:
    """A counter's value at the end of a day."""
    adjusted_days = [d for d in world.adjustments[(account, counter)] if d <= at]
    return num(world.adjustments[(account, counter)][max(adjusted_days)]["value"]) if adjusted_days else Fraction(0)


def counter_charges(world: World, ap: Thing, until: date) -> tuple[list[Charge], list[Credit]]:
    charges: list[Charge] = []
    credits: list[Credit] = []
    for counter in world.all("counters"):
        candidates = counter_pricings(world, ap, str(counter["code"]))
        for period in periods(world.grid_of(ap), *world.term_of(ap), until):
            held_stretches = stretches(world, ap, candidates, period)
            for code in dict.fromkeys(str(p["code"]) for _, _, p in held_stretches):
                runs = [(a, b) for a, b, p in held_stretches if p["code"] == code]
                made, credit = counter_period(world, ap, world.get("counterPricings", code), period, runs)
                charges += made
                credits += [credit] if credit else []
    return charges, credits


def counter_pricings(world: World, ap: Thing, counter: str) -> list[Thing]:
    """The prices of a counter under the plan, its own and its template's."""
    plan = world.get("plans", ap["plan"])
    owners = [("plan", plan["code"])]
    owners += [] if absent(plan.get("planTemplate")) else [("planTemplate", plan["planTemplate"])]
    mine = [p for p in world.all("counterPricings") if str(p["counter"]) == counter]
    return [p for p in mine if any(p.get(kind) == owner for kind, owner in owners)]


def share_from(runs: list[tuple[date, date]], at: date, period: Period) -> Fraction:
    """The part of the full period that lies on held days from this day on."""
    return Fraction(sum((b - max(a, at)).days for a, b in runs if b > at), period.full_days)


def counter_period(
    world: World, ap: Thing, pricing: Thing, period: Period, runs: list[tuple[date, date]]
) -> tuple[list[Charge], Credit | None]:
    account, counter, code = str(ap["account"]), str(pricing["counter"]), str(pricing["counter"])
    period_held = replace(period, start=runs[0][0], end=runs[-1][1])
    value = value_on(world, account, counter, period_held.start)
    share = (
        share_from(runs, period_held.start, period) if flag(pricing.get("proRateRunningTotal"), True) else Fraction(1)
    )
    advance = flag(pricing.get("runningTotalBillInAdvance"), True)
    total = rounded(world, ap, price_of(pricing, value) * share)
    due = period_held.start if advance else period.end
    charges = [other(world, ap, "COUNTER_RUNNING_TOTAL_CHARGE", code, period_held, due, total)]
    charges[0].quantity = value
    debit, credit = Fraction(0), Fraction(0)
    for at in sorted(world.adjustments[(account, counter)]):
        if not period_held.start < at < period_held.end:
            continue
        new = value_on(world, account, counter, at)
        change = price_of(pricing, new) - price_of(pricing, value)
        left = share_from(runs, at, period)
        if change > 0:
            debit += change * (left if flag(pricing.get("proRateAdjustmentDebit"), True) else 1)
        else:
            credit -= change * (left if flag(pricing.get("proRateAdjustmentCredit"), True) else 1)
        value = new
    debit, credit = rounded(world, ap, debit), rounded(world, ap, credit)
    charges.append(other(world, ap, "COUNTER_ADJUSTMENT_DEBIT", code, period_held, period.end, debit))
    if not credit:
        return charges, None
    plan = world.get("plans", ap["plan"])
    product = world.product_of(plan)
    return charges, Credit(
        0, account, ap, str(plan["code"]), product, product, code, world.plan_currency(plan),
        period_held.start, period_held.end, period.end, credit,
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
        for name, amount in priced.parts(priced.amount, priced.end).items()
    ]  # fmt: skip
