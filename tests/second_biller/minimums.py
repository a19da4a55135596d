"""MINIMUM commitments: their periods, what they owe, what counts, and the true-up."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .charges import Charge, usage_charges
from .grid import FAR, periods
from .holders import eligible
from .money import round_money
from .priced import PricedPeriod
from .reading import Thing, absent, day, flag, num, whole
from .world import World


@dataclass
class MinimumPeriod:
    start: date
    end: date
    owed: Fraction
    counted: Fraction = Fraction(0)
    waived: bool = False

    @property
    def shortfall(self) -> Fraction:
        return Fraction(0) if self.waived else max(Fraction(0), self.owed - self.counted)


def minimum_periods(world: World, commitment: Thing) -> list[MinimumPeriod]:
    """With what they owe; a cancel ends the running period and drops the later ones. An empty term has none."""
    start, end = day(commitment["startDate"]), day(commitment["endDate"])
    if absent(commitment.get("commitmentPeriodInterval")):
        spans = [(start, end, Fraction(1))] if start < end else []
    else:
        grid = world.grids[str(commitment["code"])]
        assert grid is not None, "refused when it was made"
        found = periods(grid, start, end, FAR, whole(commitment["commitmentPeriodInterval"], 1))
        spans = [(p.start, p.end, p.share) for p in found]
    prorate = flag(commitment.get("prorate"))
    currency = world.currency_of(commitment)
    made = []
    for low, high, share in spans:
        each, once = num(commitment["amount"]), Fraction(0)
        for top_up in world.top_ups[str(commitment["code"])]:
            at = day(top_up["date"])
            if flag(top_up.get("recurring")):
                each += num(top_up["amount"]) if at < high else 0
            elif low <= at < high:
                once += num(top_up["amount"])
        owed = each * share if prorate else each
        made.append(MinimumPeriod(low, high, owed + once))
    cancel = world.cancels.get(str(commitment["code"]))
    if cancel is not None:
        made = cancelled(made, cancel)
    for period in made:
        period.owed = round_money(period.owed, currency, world.rounding)
    return made


def cancelled(made: list[MinimumPeriod], cancel: Thing) -> list[MinimumPeriod]:
    at, policy = day(cancel["date"]), str(cancel.get("policy") or "TRUE_UP")
    kept = []
    for period in made:
        if period.start < at < period.end:
            share = Fraction((at - period.start).days, (period.end - period.start).days)
            owed = {"PRORATE": period.owed * share}.get(policy, period.owed)
            kept.append(MinimumPeriod(period.start, at, owed, waived=policy == "WAIVE"))
        elif period.end <= at:
            kept.append(period)
    return kept


def lacking(made: list[MinimumPeriod], today: date) -> Fraction:
    """What the running period still lacks; before the first its whole amount, after the last nothing."""
    if made and today < made[0].start:
        return Fraction(0) if made[0].waived else made[0].owed
    running = [period for period in made if period.start <= today < period.end]
    return sum((period.shortfall for period in running), Fraction(0))


def count(
    world: World, commitment: Thing, made: list[MinimumPeriod], priced: list[PricedPeriod], others: list[Charge]
) -> None:
    """Usage on its own day, billed or not; any other charge whole on its first day, `others` being those due."""
    cuts = {edge for period in made for edge in (period.start, period.end)}
    for one in priced:
        for charge in usage_charges(world, one, cuts):
            if eligible(world, commitment, charge):
                for piece in charge.slices:
                    add(made, piece.start, piece.amount)
    for charge in others:
        if eligible(world, commitment, charge):
            add(made, charge.start, charge.amount)


def add(made: list[MinimumPeriod], at: date, amount: Fraction) -> None:
    for period in made:
        if period.start <= at < period.end:
            period.counted += amount
