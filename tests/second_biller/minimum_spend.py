"""Minimum spend: of a plan or of a pricing, in arrears the shortfall, in advance the whole and then a refund."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .charges import Charge, Slice
from .grid import Period, periods
from .other_charges import other, rounded
from .priced import PricedPeriod, is_credit
from .reading import Thing, money_or_zero
from .readings import PLAN_IN_ADVANCE_LESS_PRICINGS_IN_ARREARS
from .world import World


@dataclass
class MinimumSpend:
    charge: Charge
    advance: bool
    ends: date
    prorated: Fraction
    shortfall: Fraction

    def stand_at(self, today: date) -> bool:
        """Make the charge what it is on the day; False if it is not due yet."""
        self.charge.amount = self.shortfall if self.ends <= today or not self.advance else self.prorated
        self.charge.slices = [Slice(self.charge.start, self.charge.amount)]
        return self.charge.due <= today

    def lines_at(self, today: date) -> list[tuple[str, Fraction]]:
        if not self.advance:
            return [("MINIMUM_SPEND", self.shortfall)]
        lines = [("MINIMUM_SPEND", self.prorated)]
        if self.ends <= today:
            lines.append(("MINIMUM_SPEND_REFUND", self.shortfall - self.prorated))
        return lines


def minimum_spends(world: World, ap: Thing, priced: list[PricedPeriod], until: date) -> list[MinimumSpend]:
    """`priced` holds all priced periods of the account plan.

    A plan's minimum counts what its pricings' own charge: at the end their shortfalls, in advance their whole amounts.
    """
    debits = [p for p in priced if not is_credit(p.pricing)]
    own = own_minimums(world, ap, debits)
    found = [spend for _, spend in own]
    plan = world.get("plans", ap["plan"])
    if world.ever(plan, "minimumSpend"):
        advance = world.in_advance("minimumSpendBillInAdvance", plan, world.template_of(plan))
        for period in periods(world.grid_of(ap), *world.term_of(ap), until):
            owed = money_or_zero(world.term_on(plan, "minimumSpend", period.start)) * period.share
            nested = [spend for p, spend in own if p.period.start == period.start]
            usage = sum((p.amount for p in debits if p.period.start == period.start), Fraction(0))
            counted = usage + sum((spend.shortfall for spend in nested), Fraction(0))
            ahead = [s for s in nested if s.advance or PLAN_IN_ADVANCE_LESS_PRICINGS_IN_ARREARS]
            before = sum((spend.prorated for spend in ahead), Fraction(0))
            found.append(make(world, ap, "", period, period.end, owed, counted, before, advance))
    return found


def own_minimums(world: World, ap: Thing, debits: list[PricedPeriod]) -> list[tuple[PricedPeriod, MinimumSpend]]:
    """Those of the pricings, by the days on which they hold."""
    found = []
    for p in debits:
        minimum = money_or_zero(p.pricing.get("minimumSpend"))
        if minimum:
            advance = world.in_advance("minimumSpendBillInAdvance", p.pricing)
            period = Period(p.period.number, p.start, p.end, p.period.full_days)
            owed = minimum * Fraction(p.days_held, p.period.full_days)
            code, none = str(p.pricing["code"]), Fraction(0)
            found.append((p, make(world, ap, code, period, p.period.end, owed, p.amount, none, advance)))
    return found


def make(
    world: World, ap: Thing, item: str, period: Period, ends: date, owed: Fraction, counted: Fraction,
    before: Fraction, advance: bool,
) -> MinimumSpend:  # fmt: skip
    """`counted` is what counts toward it at the end, `before` what is taken off what is billed in advance.

    Where no minimum is owed nothing is lacking, not even what usage below zero gives back.
    """
    shortfall = rounded(world, ap, max(Fraction(0), owed - counted)) if owed else Fraction(0)
    prorated = rounded(world, ap, max(Fraction(0), owed - before))
    charge = other(world, ap, "MINIMUM_SPEND", item, period, period.start if advance else ends, shortfall)
    return MinimumSpend(charge, advance, ends, prorated, shortfall)
