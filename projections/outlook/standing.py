"""How a prepayment or balance stands as of a day, and what was used of it until then (rules 11.1, 11.3)."""

from datetime import date
from typing import NamedTuple

from projections.settlement.family import FamilyTerms
from projections.settlement.pieces import Piece
from projections.settlement.settled import Settlement


class Standing(NamedTuple):
    """A fund as of a day, in minor units; `used` is what was drawn, and what its last place had to leave uncovered."""

    day: date
    added: int
    left: int
    lapsed: int
    ahead: int
    drawn: int
    used: int
    by_product: dict[str, int]


def fund_number(terms: FamilyTerms, agreement_id: str) -> int:
    """Its number among the family's funds."""
    return next(number for number, fund in enumerate(terms.funds) if fund.id == agreement_id)


def standing_of(settlement: Settlement, number: int) -> Standing:
    """The fund with this number as of the settlement's day."""
    fund, day = settlement.terms.funds[number], settlement.through
    state, minor = settlement.kept.fund_state(number), fund.rounding.minor
    by_product: dict[str, int] = {}
    bare = 0
    for outcome in settlement.kept.drawn.outcomes:
        for taken in outcome.taken:
            if taken.fund == number:
                product = outcome.piece.drawer.product_id
                by_product[product] = by_product.get(product, 0) + taken.amount
        if outcome.uncovered and last_in_turn(settlement.terms, outcome.piece) == number:
            bare += outcome.uncovered
    drawn = sum(by_product.values())
    total = minor(state.amount + state.top_ups)
    in_term = day < fund.end
    added = max(fund.paid_in.drawable(day), drawn) if in_term else total
    left = added - drawn if in_term else minor(state.amount_rolled_over)
    return Standing(day, added, left, minor(state.amount_lapsed), total - added, drawn, drawn + bare, by_product)


def last_in_turn(terms: FamilyTerms, piece: Piece) -> int | None:
    """Which fund, by number, is the last in draw order that a slice could draw on: what is uncovered counts as use of
    it, and of no other."""
    return next((one.fund for one in reversed(terms.order(piece.drawer)) if one.start <= piece.start < one.end), None)
