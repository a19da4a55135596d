"""Overage: what commitments and balances together left uncovered of usage, under the terms that hold (rules 5, 7.8)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import accumulate

from projections.money import divide
from projections.rating.charges import Charge
from projections.rating.pools import GivenBack
from projections.rating.usage import RatedUsage
from projections.settlement.agreements import Fund
from projections.settlement.drawdown import Outcome
from projections.settlement.lines import NOTHING, DueLines

NONE_GIVEN = GivenBack(0, NOTHING)


@dataclass(slots=True)
class _Part:
    """One account's part of a charge, and what is `uncovered` of it."""

    charge: Charge
    uncovered: dict[int, int]


def uncovered(outcomes: Iterable[Outcome]) -> dict[int, int]:
    """What no commitment or balance paid for under overage terms: minor units by the number of the fund they are of."""
    found: dict[int, int] = {}
    for one in outcomes:
        if one.overage is not None:
            found[one.overage] = found.get(one.overage, 0) + one.uncovered
    return found


def separated(amounts: Mapping[int, int], funds: Sequence[Fund]) -> dict[int, int]:
    """Of what is uncovered, what has lines of its own."""
    return {number: amount for number, amount in amounts.items() if funds[number].separate and amount}


def usage_lines(
    lines: DueLines, rated: RatedUsage, outcomes: Sequence[Sequence[Outcome]], funds: Sequence[Fund]
) -> None:
    """The lines of a usage charge: USAGE, and what overage makes of the rest. `outcomes` by part."""
    parts = [_Part(charge, uncovered(settled)) for charge, settled in zip(rated.parts, outcomes, strict=True)]
    apart = _separate(lines, rated, parts, outcomes, funds)
    for part, (amount, quantity) in zip(parts, apart, strict=True):
        charge = part.charge
        share = quantity / charge.quantity if charge.quantity else NOTHING
        lines.charge(charge, "USAGE", charge.amount - amount, charge.quantity - quantity, charge.units * (1 - share))
    _surcharge(lines, rated, parts, funds)


def _surcharge(lines: DueLines, rated: RatedUsage, parts: Sequence[_Part], funds: Sequence[Fund]) -> None:
    """Overage x p / 100 per charge and fund, rounded once; of a pool, divided by each account's overage."""
    for number in sorted({number for part in parts for number in part.uncovered}):
        fund = funds[number]
        if fund.surcharge:
            rest = [part.uncovered.get(number, 0) for part in parts]
            worth = Fraction(rated.pool.plan.rounding.decimal(sum(rest))) * Fraction(fund.surcharge) / 100
            amounts = divide(rated.pool.plan.rounding.minor(worth), [Fraction(one) for one in rest])
            for part, amount in zip(parts, amounts, strict=True):
                lines.fund(part.charge, "OVERAGE_SURCHARGE", fund, amount)


def _separate(
    lines: DueLines,
    rated: RatedUsage,
    parts: Sequence[_Part],
    outcomes: Sequence[Sequence[Outcome]],
    funds: Sequence[Fund],
) -> list[tuple[int, Fraction]]:
    """OVERAGE_USAGE lines; returns what they take off each part's USAGE line: (minor units, quantity)."""
    taken = []
    for part in parts:
        apart = separated(part.uncovered, funds)
        taken.append((sum(apart.values()), apart))
    if not any(amount for amount, _ in taken):
        return [(0, NOTHING)] * len(parts)
    beyond = Beyond(rated, outcomes, funds)
    total = sum(beyond.units.values(), NOTHING)
    found = []
    for place, (part, (amount, apart)) in enumerate(zip(parts, taken, strict=True)):
        quantity = _quantity(rated, part, amount, total)
        found.append((amount, quantity))
        for number in sorted(apart):
            share = quantity * apart[number] / amount
            worth = sum(beyond.worth(place, number).values()) if rated.pool.pricing.overage else apart[number]
            lines.fund(part.charge, "OVERAGE_USAGE", funds[number], worth, share)
    return found


def _quantity(rated: RatedUsage, part: _Part, amount: int, beyond: Fraction) -> Fraction:
    """How much of a part's quantity is overage: what lies beyond exhaustion, of a pool by money."""
    if len(rated.parts) == 1 and rated.pool.pricing.price.cumulative:
        return min(part.charge.quantity, beyond * rated.pool.series.quantity_per_unit)
    return part.charge.quantity * amount / part.charge.amount if part.charge.amount else NOTHING


class Beyond:
    """Units beyond exhaustion of a charge, slice by slice, and what overage bands make of them, from 0.

    Of a pool, of what is divided among those who are charged: what an account below zero is given back for its own
    quantity is charged to the others, so it neither covers theirs nor takes their units away.
    """

    def __init__(self, rated: RatedUsage, outcomes: Sequence[Sequence[Outcome]], funds: Sequence[Fund]) -> None:
        self._rated = rated
        self.units: dict[date, Fraction] = {}
        #: What each part has uncovered under a fund's terms, by slice: minor units by (part, fund).
        self.uncovered: dict[date, dict[tuple[int, int], int]] = {}
        self._worth: dict[tuple[int, int], dict[date, int]] = {}
        for place, settled in enumerate(outcomes):
            for one in settled:
                for number, amount in separated(uncovered([one]), funds).items():
                    self.uncovered.setdefault(one.piece.start, {})[place, number] = amount
        self._rate()

    def worth(self, place: int, fund: int) -> dict[date, int]:
        """What the bands charge a part under a fund's terms, by slice, in minor units."""
        return self._worth.get((place, fund), {})

    def _rate(self) -> None:
        pool, steps = self._rated.pool, self._rated.steps
        amounts = _settled_amounts(self._rated)
        given = [pool.given_back(stop) for stop in (*(step.start for step in steps[1:]), pool.end)]
        kept = _kept_units([step.after - back.units for step, back in zip(steps, given, strict=True)])
        rated = NOTHING
        for step, after, earlier, back in zip(steps, kept, [NONE_GIVEN, *given], given, strict=False):
            left = self.uncovered.get(step.start)
            if not left or not pool.pricing.price.cumulative:
                continue
            covered = pool.worth(step.before) - earlier.amount + amounts.get(step.start, 0) - sum(left.values())
            exhausted = pool.affordable(covered + back.amount, after + back.units) - back.units
            beyond = max(NOTHING, after - max(step.before - earlier.units, exhausted))
            self.units[step.start] = beyond
            if pool.pricing.overage is not None:
                self._share(step.start, pool.overage_worth(rated + beyond) - pool.overage_worth(rated))
                rated += beyond

    def _share(self, start: date, worth: int) -> None:
        """Divide the overage of a slice by what each account has uncovered in it."""
        left = self.uncovered[start]
        places = sorted(left)
        weights = [Fraction(left[place]) for place in places]
        for place, amount in zip(places, divide(worth, weights), strict=True):
            self._worth.setdefault(place, {})[start] = amount


def _kept_units(totals: Sequence[Fraction]) -> list[Fraction]:
    """Where each slice's units end after later negative slices took away from it, newest first: the least total from
    its end on. So units follow amounts, and cuts that other commitments make change nothing."""
    return list(accumulate(reversed(totals), min))[::-1]


def _settled_amounts(rated: RatedUsage) -> dict[date, int]:
    """What is charged by slice start, after negative slices took away from earlier ones."""
    found: dict[date, int] = {}
    for part, share in zip(rated.parts, rated.pool.shares, strict=True):
        if not rated.pool.gets_its_own_back(share):
            for one in part.slices:
                found[one.start] = found.get(one.start, 0) + one.amount
    return found
