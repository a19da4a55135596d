"""Slices that may draw, in order of service, after credits. Credits reduce the charges of their product or of all
products, latest slice first (rules 3.16, 4.2).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from projections.line_types import CHARGES, DRAW_RANK
from projections.rating.charges import Charge, ChargeKey, Slice
from projections.settlement.agreements import Drawer, drawer_of


class Piece(NamedTuple):
    """A slice that may draw, in minor units; its first fields are the order of rules 4.2.

    One account may have two charges of a pricing that are cut on one day: first pooled, later of its own plan. The
    charge that started first then comes first. Ids differ between plays of one story, so they only decide between
    charges with equal words. `credited` is the amount that credits took off the slice; `amount` is the rest, which may
    draw.
    """

    start: date
    rank: int
    product_code: str
    account_code: str
    plan_code: str
    item_code: str
    charge_start: date
    charge: ChargeKey
    amount: int
    credited: int
    drawer: Drawer


def pieces_of(charges: Sequence[Charge]) -> list[Piece]:
    """The slices of charges that may draw, in the order of rules 4.2."""
    pieces: list[Piece] = []
    for charge in charges:
        pieces += _pieces_of(charge, charge.slices)
    pieces.sort()
    return pieces


def _pieces_of(charge: Charge, slices: Iterable[Slice]) -> list[Piece]:
    """The pieces for some of the charge's slices."""
    key, plan = charge.key, charge.plan
    words = (DRAW_RANK[key.type], plan.product_code, charge.account.code, plan.code, charge.item_code, key.start, key)
    drawer = drawer_of(charge)
    return [Piece(slice.start, *words, slice.amount, 0, drawer) for slice in slices if slice.amount]


def moved_pieces(before: Sequence[Charge], now: Sequence[Charge]) -> tuple[list[Piece], list[Piece]]:
    """The pieces that these charges lost, and the pieces that they gained."""
    was, becomes = {charge.key: charge for charge in before}, {charge.key: charge for charge in now}
    return list(_lacking(before, becomes)), list(_lacking(now, was))


def _lacking(charges: Sequence[Charge], others: Mapping[ChargeKey, Charge]) -> Iterator[Piece]:
    """The slices of charges that are missing in the others."""
    for charge in charges:
        other = others.get(charge.key)
        there = set(other.slices) if other is not None else _NO_SLICES
        lacking = [slice for slice in charge.slices if slice not in there]
        if lacking:
            yield from _pieces_of(charge, lacking)


_NO_SLICES: frozenset[Slice] = frozenset()


class Credited(NamedTuple):
    """The slices after credits, and the value of each credit on its line (minor units, positive)."""

    pieces: list[Piece]
    worth: dict[ChargeKey, int]


def apply_credits(pieces: list[Piece], credits: Sequence[Charge]) -> Credited:
    """Apply counters' credits, then PRODUCT_CREDIT, then GLOBAL_CREDIT, each to its account's slices in its period.

    The remainder of a counter's credit is payable; a credit pricing never makes the sum of its scope negative.
    """
    if not credits:
        return Credited(pieces, {})
    left, worth = list(pieces), {}
    leftover: list[tuple[Charge, int]] = []
    for credit in sorted(credits, key=_order):
        scope = [index for index, piece in enumerate(left) if _covers(credit, piece.drawer, piece.start)]
        # A pricing's total may be negative, but a credit is not: a negative credit would be a charge.
        rest = max(0, credit.amount)
        if not CHARGES[credit.type].payable:
            beyond = sum(amount for other, amount in leftover if _covers(credit, drawer_of(other), other.start))
            rest = min(rest, max(0, sum(left[index].amount for index in scope) - beyond))
        worth[credit.key] = rest
        for index in reversed(scope):
            piece = left[index]
            taken = min(rest, max(0, piece.amount))
            if taken:
                left[index] = piece._replace(amount=piece.amount - taken, credited=piece.credited + taken)
                rest -= taken
        if rest and CHARGES[credit.type].payable:
            leftover.append((credit, rest))
    return Credited(left, worth)


def _order(credit: Charge) -> tuple[object, ...]:
    """The order of credits: by kind, then as charges in rules 4.2. It uses words, which are equal in every play of a
    story, not ids.
    """
    of_plan = 2 if credit.every_product else 1
    rank = 0 if CHARGES[credit.type].payable else of_plan
    words = (credit.plan.product_code, credit.account.code, credit.plan.code, credit.item_code)
    return rank, credit.start, *words, credit.key


def _covers(credit: Charge, drawer: Drawer, start: date) -> bool:
    """Whether a slice that starts on this day, of this account, product and currency, lies in the credit's scope."""
    return (
        drawer.account_id == credit.account.id
        and (credit.every_product or drawer.product_id == credit.plan.product_id)
        and drawer.currency == credit.plan.currency
        and credit.start <= start < credit.end
    )
