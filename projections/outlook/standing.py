"""The state of a prepayment or balance as of a day, and its use until then (rules 11.1, 11.3)."""

from datetime import date
from typing import NamedTuple

from projections.settlement.family import FamilyTerms
from projections.settlement.pieces import Piece
from projections.settlement.settled import Settlement


class Standing(NamedTuple):
    """A prepayment or balance at the end of a day, in minor units: added = drawn + left + lapsed.

    `ahead` was paid in for draws on later days.
    """

    day: date
    added: int
    drawn: int
    left: int
    lapsed: int
    ahead: int


class Use(NamedTuple):
    """The use of a fund by a day: amounts drawn, by product, and amounts left uncovered if the fund is the last in
    turn.
    """

    total: int
    by_product: dict[str, int]


def fund_number(terms: FamilyTerms, agreement_id: str) -> int:
    """The fund's number in the family."""
    return next(number for number, fund in enumerate(terms.funds) if fund.id == agreement_id)


def standing_of(settlement: Settlement, number: int) -> Standing:
    """The state of the fund with this number as of the settlement's day."""
    fund, day = settlement.terms.funds[number], settlement.through
    state, spent = settlement.kept.fund_state(number), settlement.kept.drawn.spent
    total, drawn = fund.rounding.minor(state.amount + state.top_ups), spent.in_term[number] + spent.rolled[number]
    if day < fund.end:
        added = max(fund.paid_in.drawable(day), drawn)
        return Standing(day, added, drawn, added - drawn, 0, total - added)
    rolled_over, lapsed = fund.rounding.minor(state.amount_rolled_over), fund.rounding.minor(state.amount_lapsed)
    return Standing(day, total, drawn, rolled_over, lapsed, 0)


def use_of(settlement: Settlement, number: int) -> Use:
    """The use of the fund with this number by the settlement's day."""
    by_product: dict[str, int] = {}
    bare = 0
    for outcome in settlement.kept.drawn.outcomes:
        for taken in outcome.taken:
            if taken.fund == number:
                product = outcome.piece.drawer.product_id
                by_product[product] = by_product.get(product, 0) + taken.amount
        if outcome.uncovered and last_in_turn(settlement.terms, outcome.piece) == number:
            bare += outcome.uncovered
    return Use(sum(by_product.values()) + bare, by_product)


def used_of_all(settlement: Settlement) -> list[int]:
    """The use of each fund, by number: the totals of `use_of`."""
    spent = settlement.kept.drawn.spent
    used = [in_term + rolled for in_term, rolled in zip(spent.in_term, spent.rolled, strict=True)]
    for outcome in settlement.kept.drawn.outcomes:
        if outcome.uncovered and (last := last_in_turn(settlement.terms, outcome.piece)) is not None:
            used[last] += outcome.uncovered
    return used


def last_in_turn(terms: FamilyTerms, piece: Piece) -> int | None:
    """The number of the last fund in draw order that a slice could draw: the uncovered amount counts as use of this
    fund only.
    """
    open_windows = (
        window for window in reversed(terms.order(piece.drawer)) if window.start <= piece.start < window.end
    )
    return next((window.fund for window in open_windows), None)
