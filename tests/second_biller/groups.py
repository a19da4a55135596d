"""Plan groups: an account plan of one is taken as one for each of its plans, and one for what the group charges."""

from datetime import date
from fractions import Fraction

from .grid import periods
from .minimum_spend import MinimumSpend, make
from .priced import PricedPeriod, is_credit
from .reading import Thing, money_or_zero
from .world import World


def group_minimum(
    world: World, ap: Thing, priced: list[PricedPeriod], spends: list[tuple[Thing, MinimumSpend]], until: date
) -> list[MinimumSpend]:
    """The group's own, over all its plans: `priced` and `spends` are theirs, each minimum with its account plan. What
    counts is what lies in billing periods of theirs that start in the group's."""
    group = world.get("plans", ap["plan"])
    if not world.ever(group, "minimumSpend"):
        return []
    advance = world.in_advance("minimumSpendBillInAdvance", group)
    found = []
    for period in periods(world.grid_of(ap), *world.term_of(ap), until):
        owed = money_or_zero(world.term_on(group, "minimumSpend", period.start)) * period.share
        usage = [p.amount for p in priced if not is_credit(p.pricing) and period.start <= p.period.start < period.end]
        nested = [spend for of, spend in spends if period.start <= begins(world, of, spend) < period.end]
        counted = sum(usage, Fraction(0)) + sum((inner.shortfall for inner in nested), Fraction(0))
        before = sum((inner.prorated for inner in nested), Fraction(0))
        found.append(make(world, ap, "", period, period.end, owed, counted, before, advance))
    return found


def begins(world: World, ap: Thing, spend: MinimumSpend) -> date:
    """The first day of the billing period that the minimum is of."""
    grid = world.grid_of(ap)
    return max(grid.boundary(grid.number_of(spend.charge.start)), world.term_of(ap)[0])
