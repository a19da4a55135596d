"""Overage bands: the quantity beyond exhaustion, rated from 0 per charge and billing period."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from .charges import Charge, Slice
from .money import divide
from .priced import PricedPeriod, Step
from .readings import OVERAGE_BANDS_DIVIDE_BY_SLICE

if TYPE_CHECKING:
    from .holders import Holder
    from .lines import Lander


def pooled_charges(charges: list[Charge]) -> list[list[Charge]]:
    """The parts of each usage charge; a charge that is not pooled is its own only part."""
    found: dict[int, list[Charge]] = {}
    for charge in charges:
        if charge.whole is not None:
            found.setdefault(id(charge.whole), []).append(charge)
    return list(found.values())


def band_overage(parts: list[Charge], lander: Lander) -> None:
    whole = parts[0].whole
    if whole is not None and whole.pricing.get("overagePricingBands"):
        rate_beyond(whole, parts, lander)


def rate_beyond(whole: PricedPeriod, parts: list[Charge], lander: Lander) -> None:
    """The quantity beyond is found slice by slice; its cost is divided by what each account has left uncovered, and an
    account's part among the commitments whose terms hold."""
    numbers = range(len(parts[0].slices))
    beyond, rated = Fraction(0), Fraction(0)
    for together in [[n] for n in numbers] if OVERAGE_BANDS_DIVIDE_BY_SLICE else [list(numbers)]:
        beyond += sum((beyond_in(whole, parts, number) for number in together), Fraction(0))
        cost = whole.overage_cost(beyond)
        divide_cost(cost - rated, [(part, [part.slices[n] for n in together]) for part in parts], lander)
        rated = cost


def divide_cost(cost: Fraction, parts: list[tuple[Charge, list[Slice]]], lander: Lander) -> None:
    uncovered: dict[str, dict[str, Fraction]] = {}
    terms: dict[str, Holder] = {}
    for part, pieces in parts:
        for piece in pieces:
            if piece.terms is not None and piece.terms.separates:
                terms[piece.terms.code] = piece.terms
                mine = uncovered.setdefault(part.account, {})
                mine[piece.terms.code] = mine.get(piece.terms.code, Fraction(0)) + piece.uncovered
    currency = parts[0][0].currency
    by_account = {name: sum(mine.values(), Fraction(0)) for name, mine in uncovered.items()}
    divided = divide(cost, by_account, "", currency)
    for part in [part for part, _ in parts if part.account in divided]:
        for code, amount in divide(divided[part.account], uncovered[part.account], "", currency).items():
            text = terms[code].thing.get("overageDescription")
            lander.charge(part, "OVERAGE_USAGE", amount, None, code, commitment=code, description=text)


def beyond_in(whole: PricedPeriod, parts: list[Charge], number: int) -> Fraction:
    """The units of one slice that lie beyond exhaustion."""
    pieces = [part.slices[number] for part in parts]
    uncovered = [p.uncovered for p in pieces if p.terms is not None and p.terms.separates]
    if not uncovered:
        return Fraction(0)
    start = pieces[0].start
    end = parts[0].slices[number + 1].start if number + 1 < len(parts[0].slices) else whole.end
    first = edge(whole.steps, start)
    # The charged accounts divide the pool's charge and what those below zero are given: all here is of their sum.
    charged = [p for part, p in zip(parts, pieces, strict=True) if part.account not in whole.below_zero()]
    covered = first[1] - whole.given_back(start)
    covered += sum((p.amount for p in charged), Fraction(0)) - sum(uncovered, Fraction(0))
    # What later slices take away is not there to be beyond: units go as the slices' amounts do.
    ends = [end, *(p.start for p in parts[0].slices[number + 2 :]), whole.end]
    kept = min(edge(whole.steps, end)[0] - whole.units_given_back(end) for end in ends)
    given = whole.units_given_back(end)
    exhausted = whole.exhausted_at(covered + whole.given_back(end), kept + given) - given
    return max(Fraction(0), kept - max(first[0] - whole.units_given_back(start), exhausted))


def edge(steps: list[Step], day: date) -> tuple[Fraction, Fraction]:
    """Units and rounded money at the start of a day."""
    passed = [s for s in steps if s.day < day]
    return (passed[-1].after, passed[-1].high) if passed else (Fraction(0), Fraction(0))
