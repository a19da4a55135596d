"""Overage: usage that commitments and balances together left uncovered, its units and bands (rules 5, 7.8)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import accumulate

from projections.money import divide
from projections.rating.pools import GivenBack
from projections.rating.usage_charges import RatedUsage
from projections.settlement.agreements import Fund
from projections.settlement.drawdown import SettledPiece

NOTHING = Fraction(0)
NONE_GIVEN = GivenBack(0, NOTHING)


def uncovered(outcomes: Iterable[SettledPiece]) -> dict[int, int]:
    """The uncovered amounts under overage terms: minor units by the number of the fund whose terms apply."""
    by_fund: dict[int, int] = {}
    for outcome in outcomes:
        if outcome.overage is not None:
            by_fund[outcome.overage] = by_fund.get(outcome.overage, 0) + outcome.uncovered
    return by_fund


def separated(amounts: Mapping[int, int], funds: Sequence[Fund]) -> dict[int, int]:
    """The uncovered amounts that are billed on overage lines of their own."""
    return {number: amount for number, amount in amounts.items() if funds[number].separate and amount}


class Beyond:
    """The units beyond exhaustion of a charge, slice by slice, and their price by overage bands, counted from 0.

    In a pool, only accounts that are charged count. The refund for an account's own negative quantity is charged to the
    others, so such an account neither covers their usage nor takes their units away.
    """

    def __init__(self, rated: RatedUsage, outcomes: Sequence[Sequence[SettledPiece]], funds: Sequence[Fund]) -> None:
        self._rated = rated
        self.units: dict[date, Fraction] = {}
        #: The uncovered amounts of each part under a fund's terms, by slice: minor units by (part, fund).
        self.uncovered: dict[date, dict[tuple[int, int], int]] = {}
        self._worth: dict[tuple[int, int], dict[date, int]] = {}
        for part, settled in enumerate(outcomes):
            for outcome in settled:
                for number, amount in separated(uncovered([outcome]), funds).items():
                    self.uncovered.setdefault(outcome.piece.start, {})[part, number] = amount
        self._rate()

    def worth(self, part: int, fund: int) -> dict[date, int]:
        """The bands' price for a part under a fund's terms, by slice, in minor units."""
        return self._worth.get((part, fund), {})

    def _rate(self) -> None:
        pool, steps = self._rated.pool, self._rated.steps
        amounts = _settled_amounts(self._rated)
        given = [pool.given_back(stop) for stop in (*(step.start for step in steps[1:]), pool.end)]
        units = _kept_units([step.after - back.units for step, back in zip(steps, given, strict=True)])
        rated = NOTHING
        for step, after, earlier, back in zip(steps, units, [NONE_GIVEN, *given], given, strict=False):
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
        """Divide the overage of a slice by each account's uncovered amount in the slice."""
        left = self.uncovered[start]
        parts = sorted(left)
        weights = [Fraction(left[part]) for part in parts]
        for part, amount in zip(parts, divide(worth, weights), strict=True):
            self._worth.setdefault(part, {})[start] = amount


def _kept_units(totals: Sequence[Fraction]) -> list[Fraction]:
    """The total at which each slice's units end, after later negative slices took units away, newest first: the least
    total from the slice's end on. So units follow amounts, and cuts made by other commitments change nothing.
    """
    return list(accumulate(reversed(totals), min))[::-1]


def _settled_amounts(rated: RatedUsage) -> dict[date, int]:
    """The charged amounts by slice start, after negative slices took away from earlier ones."""
    amounts: dict[date, int] = {}
    for part, share in zip(rated.parts, rated.pool.shares, strict=True):
        if not rated.pool.gets_its_own_back(share):
            for slice in part.slices:
                amounts[slice.start] = amounts.get(slice.start, 0) + slice.amount
    return amounts
