"""Overage bands: the quantity beyond exhaustion, rated from 0 per charge and billing period."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from .charges import Charge, PricedPeriod, Step
from .money import divide, round_money
from .rates import cumulative_charge, quantity_for

if TYPE_CHECKING:
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
    """The quantity beyond is found slice by slice; its cost is divided by quantity, over who left any uncovered."""
    beyond, rated = Fraction(0), Fraction(0)
    starts = [piece.start for piece in parts[0].slices]
    for number, start in enumerate(starts):
        pieces = {part.account: part.slices[number] for part in parts}
        separated = {name: p for name, p in pieces.items() if p.terms is not None and p.terms.separates}
        if not separated:
            continue
        end = starts[number + 1] if number + 1 < len(starts) else whole.end
        first, last = edge(whole.steps, start), edge(whole.steps, end)
        covered = sum((p.amount for p in pieces.values()), Fraction(0))
        covered -= sum((p.uncovered for p in separated.values()), Fraction(0))
        # What later days take away is not there to be beyond: units go as the slices' amounts do.
        kept = min([last[0], *(s.after for s in whole.steps if s.day >= end)])
        exhausted = quantity_for(whole.pricing, first[1] + covered, kept)
        beyond += max(Fraction(0), kept - max(first[0], exhausted))
        price = cumulative_charge(whole.pricing["overagePricingBands"], True, beyond)
        cost = round_money(price, whole.currency, lander.world.rounding)
        weights = {name: max(Fraction(0), whole.weights[name]) for name in separated}
        divided = divide(cost - rated, weights, whole.home, whole.currency)
        rated = cost
        for part in [p for p in parts if p.account in divided]:
            terms = separated[part.account].terms
            assert terms is not None
            text, amount = terms.thing.get("overageDescription"), divided[part.account]
            lander.charge(part, "OVERAGE_USAGE", amount, None, terms.code, commitment=terms.code, description=text)


def edge(steps: list[Step], day: object) -> tuple[Fraction, Fraction]:
    """Units and rounded money at the start of a day."""
    passed = [s for s in steps if s.day < day]  # type: ignore[operator]
    return (passed[-1].after, passed[-1].high) if passed else (Fraction(0), Fraction(0))
