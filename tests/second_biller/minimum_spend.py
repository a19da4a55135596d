"""Minimum spend: of a plan or of a pricing, in arrears the shortfall, in advance the whole and then a refund."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .charges import Charge, PricedPeriod, Slice, is_credit
from .grid import Period, periods
from .other_charges import other, rounded
from .reading import Thing, num_or
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
    """`priced` holds all priced periods of the account plan."""
    plan = world.get("plans", ap["plan"])
    debits = [p for p in priced if not is_credit(p.pricing)]
    found = []
    minimum = num_or(world.plan_term(plan, "minimumSpend"), 0) or Fraction(0)
    if minimum:
        advance = world.in_advance("minimumSpendBillInAdvance", plan, world.template_of(plan))
        for period in periods(world.grid_of(ap), *world.term_of(ap), until):
            usage = sum((p.amount for p in debits if p.period.start == period.start), Fraction(0))
            found.append(make(world, ap, "", period, period.end, minimum * period.share, usage, advance))
    for p in debits:
        minimum = num_or(p.pricing.get("minimumSpend"), 0) or Fraction(0)
        if minimum:
            advance = world.in_advance("minimumSpendBillInAdvance", p.pricing)
            period = Period(p.period.number, p.start, p.end, p.period.full_days)
            owed = minimum * Fraction(p.days_held, p.period.full_days)
            found.append(make(world, ap, str(p.pricing["code"]), period, p.period.end, owed, p.amount, advance))
    return found


def make(
    world: World, ap: Thing, item: str, period: Period, ends: date, owed: Fraction, usage: Fraction, advance: bool
) -> MinimumSpend:
    shortfall = rounded(world, ap, max(Fraction(0), owed - usage))
    charge = other(world, ap, "MINIMUM_SPEND", item, period, period.start if advance else ends, shortfall)
    return MinimumSpend(charge, advance, ends, rounded(world, ap, owed), shortfall)
