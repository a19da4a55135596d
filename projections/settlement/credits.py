"""Credits reduce the charges of their product (or all) before draw-down, latest slice first (rules 3.16)."""

from collections.abc import Sequence
from typing import NamedTuple

from projections.line_types import CHARGES
from projections.rating.charges import Charge, ChargeKey
from projections.settlement.drawdown import Piece


class Credited(NamedTuple):
    """The slices after credits, and what each credit is worth on its line (minor units, positive)."""

    pieces: list[Piece]
    worth: dict[ChargeKey, int]


def apply_credits(pieces: list[Piece], credits: Sequence[Charge]) -> Credited:
    """Counters' credits before PRODUCT_CREDIT before GLOBAL_CREDIT, each over its account's slices in its period.

    What is left over of a counter's credit is payable; a credit pricing never takes its scope below zero.
    """
    if not credits:
        return Credited(pieces, {})
    left, worth = list(pieces), {}
    leftover: list[tuple[Charge, int]] = []
    for credit in sorted(credits, key=_order):
        scope = [place for place, piece in enumerate(left) if _in_scope(credit, piece)]
        # A pricing's total may be negative, and a credit never is: it would be a charge, which credits cannot be.
        rest = max(0, credit.amount)
        if not CHARGES[credit.type].payable:
            beyond = sum(amount for other, amount in leftover if _covers(credit, other))
            rest = min(rest, max(0, sum(left[place].amount for place in scope) - beyond))
        worth[credit.key] = rest
        for place in reversed(scope):
            piece = left[place]
            taken = min(rest, max(0, piece.amount))
            if taken:
                left[place] = piece._replace(amount=piece.amount - taken, credited=piece.credited + taken)
                rest -= taken
        if rest and CHARGES[credit.type].payable:
            leftover.append((credit, rest))
    return Credited(left, worth)


def _order(credit: Charge) -> tuple[object, ...]:
    """By kind, then as charges stand in rules 4.2: by words that mean the same in every play of a story, not by ids."""
    rank = 0 if CHARGES[credit.type].payable else 2 if credit.every_product else 1
    words = (credit.plan.product_code, credit.account.code, credit.plan.code, credit.item_code)
    return rank, credit.start, *words, credit.key


def _in_scope(credit: Charge, piece: Piece) -> bool:
    return (
        piece.drawer.account_id == credit.account.id
        and (credit.every_product or piece.drawer.product_id == credit.plan.product_id)
        and piece.drawer.currency == credit.plan.currency
        and credit.start <= piece.start < credit.end
    )


def _covers(credit: Charge, other: Charge) -> bool:
    """Whether an unused counter's credit lies in the credit pricing's scope."""
    return (
        other.account.id == credit.account.id
        and (credit.every_product or other.plan.product_id == credit.plan.product_id)
        and other.plan.currency == credit.plan.currency
        and credit.start <= other.start < credit.end
    )
