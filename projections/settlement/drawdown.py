"""Draw-down: slices in order of service take what prepayments and balances have left (rules 4.2, 4.6, 5.2), after
credits have reduced the charges of their product, or all, latest slice first (rules 3.16).

Slices that start on one day are settled as a group. The state before each group is kept, so a later settlement goes on
from the first group that differs: nothing that comes later in service time can change what came earlier.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from projections.line_types import CHARGES, DRAW_RANK
from projections.rating.charges import Charge, ChargeKey
from projections.settlement.agreements import Drawer, Fund, Window, drawer_of
from projections.settlement.family import FamilyTerms


class Piece(NamedTuple):
    """A slice that may draw, in minor units; its first fields are the order of rules 4.2.

    One account may have two charges of a price that are cut on one day, of a pool and of its own plan later: the one
    that started first comes first. Ids, which a story does not tell, decide nothing that differs in words.
    `credited` is what credits took off the slice; `amount` is what is left of it to draw.
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


class Taken(NamedTuple):
    """What one fund (by number) gave to a slice, and its place in the order used."""

    fund: int
    amount: int
    place: int
    rolled: bool


class Outcome(NamedTuple):
    """A settled slice. `overage` is the fund whose overage terms hold for what is uncovered; None: no such terms."""

    piece: Piece
    taken: tuple[Taken, ...]
    uncovered: int
    overage: int | None


class Spent(NamedTuple):
    """What was drawn of each fund: in its term, and of what rolled over."""

    in_term: list[int]
    rolled: list[int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished draw-down. `checkpoints`: (number of pieces before a group, what was spent by then)."""

    pieces: list[Piece]
    outcomes: list[Outcome]
    spent: Spent
    checkpoints: list[tuple[int, Spent]]


def pieces_of(charges: Sequence[Charge]) -> list[Piece]:
    """The slices of charges that may draw, in the order of rules 4.2."""
    found: list[Piece] = []
    for charge in charges:
        plan, account = charge.plan, charge.account
        rank = DRAW_RANK[charge.type]
        drawer = drawer_of(charge)
        words = (plan.product_code, account.code, plan.code, charge.item_code, charge.start)
        found.extend(
            Piece(one.start, rank, *words, charge.key, one.amount, 0, drawer) for one in charge.slices if one.amount
        )
    found.sort()
    return found


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
        scope = [index for index, piece in enumerate(left) if _covers(credit, piece.drawer, piece.start)]
        # A pricing's total may be negative, and a credit never is: it would be a charge, which credits cannot be.
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
    """By kind, then as charges stand in rules 4.2: by words that mean the same in every play of a story, not by ids."""
    rank = 0 if CHARGES[credit.type].payable else 2 if credit.every_product else 1
    words = (credit.plan.product_code, credit.account.code, credit.plan.code, credit.item_code)
    return rank, credit.start, *words, credit.key


def _covers(credit: Charge, drawer: Drawer, start: date) -> bool:
    """Whether what starts on this day, of this account, product and currency, lies in the credit's scope."""
    return (
        drawer.account_id == credit.account.id
        and (credit.every_product or drawer.product_id == credit.plan.product_id)
        and drawer.currency == credit.plan.currency
        and credit.start <= start < credit.end
    )


def draw_down(terms: FamilyTerms, pieces: list[Piece], kept: Drawn | None = None) -> Drawn:
    """Settle the pieces in order; `kept` is an earlier draw-down under the same terms."""
    if not terms.funds:
        return Drawn(pieces, [Outcome(piece, (), max(0, piece.amount), None) for piece in pieces], Spent([], []), [])
    done, spent, checkpoints = _resume(terms, pieces, kept)
    outcomes = kept.outcomes[:done] if kept else []
    run = _Run(terms, spent)
    day: date | None = None
    for number in range(done, len(pieces)):
        piece = pieces[number]
        if piece.start != day:
            day = piece.start
            checkpoints.append((number, Spent(spent.in_term.copy(), spent.rolled.copy())))
        outcomes.append(run.settle(piece))
    return Drawn(pieces, outcomes, spent, checkpoints)


def _resume(terms: FamilyTerms, pieces: list[Piece], kept: Drawn | None) -> tuple[int, Spent, list[tuple[int, Spent]]]:
    """How many pieces are settled already, what was spent by then, and the checkpoints up to there."""
    fresh = Spent([0] * len(terms.funds), [0] * len(terms.funds))
    if kept is None or not kept.checkpoints:
        return 0, fresh, []
    same = 0
    for old, new in zip(kept.pieces, pieces, strict=False):
        if old != new:
            break
        same += 1
    if same == len(pieces) == len(kept.pieces):
        return same, Spent(kept.spent.in_term.copy(), kept.spent.rolled.copy()), list(kept.checkpoints)
    usable = [one for one in kept.checkpoints if one[0] <= same]
    done, state = usable[-1]
    return done, Spent(state.in_term.copy(), state.rolled.copy()), usable[:-1]


class _Run:
    """One pass over the pieces in order of service start; `spent` is changed as it goes."""

    def __init__(self, terms: FamilyTerms, spent: Spent) -> None:
        self._terms, self._funds, self._spent = terms, terms.funds, spent
        self._queues: dict[Drawer, _Queue] = {}

    def settle(self, piece: Piece) -> Outcome:
        if piece.amount < 0:
            return Outcome(piece, (), 0, None)
        queue = self._queues.get(piece.drawer)
        if queue is None:
            queue = self._queues[piece.drawer] = _Queue(self._terms.order(piece.drawer), self._funds)
        owed, taken = piece.amount, []
        for window in queue.open_on(piece.start):
            if not owed:
                break
            amount = min(owed, self._left(window, piece.start))
            if amount > 0:
                taken.append(Taken(window.fund, amount, window.place, window.rolled))
                (self._spent.rolled if window.rolled else self._spent.in_term)[window.fund] += amount
                owed -= amount
            elif self._is_empty(window):
                queue.close(window)
        overage = queue.overage_terms(piece.start) if owed and piece.drawer.type == "USAGE" else None
        return Outcome(piece, tuple(taken), owed, overage)

    def _left(self, window: Window, day: date) -> int:
        fund = self._funds[window.fund]
        in_term = self._spent.in_term[window.fund]
        if window.rolled:
            return fund.rolled(in_term) - self._spent.rolled[window.fund]
        return fund.paid_in.drawable(day) - in_term

    def _is_empty(self, window: Window) -> bool:
        """Whether nothing can ever be drawn through the window again."""
        fund = self._funds[window.fund]
        return window.rolled or fund.paid_in.most <= self._spent.in_term[window.fund]


class _Queue:
    """The windows of one draw order that are open on a day; days only go forward, so each opens and closes once."""

    def __init__(self, order: Sequence[Window], funds: Sequence[Fund]) -> None:
        self._waiting = sorted(order, key=lambda window: window.start, reverse=True)
        self._open: list[Window] = []
        self._with_terms: list[Window] = []
        self._funds = funds

    def open_on(self, day: date) -> list[Window]:
        """The open windows in draw order, as a copy that stays while windows are closed."""
        while self._waiting and self._waiting[-1].start <= day:
            window = self._waiting.pop()
            insort(self._open, window)
            if not window.rolled and self._funds[window.fund].has_overage_terms:
                insort(self._with_terms, window)
        self._open = [window for window in self._open if window.end > day]
        return self._open

    def close(self, window: Window) -> None:
        """Take an exhausted window out."""
        self._open = [one for one in self._open if one is not window]

    def overage_terms(self, day: date) -> int | None:
        """The fund whose overage terms hold: the last in draw order that has any, in its term (rules 5.1, 5.2)."""
        self._with_terms = [window for window in self._with_terms if window.end > day]
        return self._with_terms[-1].fund if self._with_terms else None
