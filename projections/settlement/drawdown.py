"""Draw-down: slices in order of service take from what prepayments and balances have left (rules 4.2, 4.6, 5.2).

The spent amounts before the first slice of each day are kept. So a later settlement resumes from the first slice that
differs, because later slices can never change earlier ones.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from projections.line_types import METERED
from projections.settlement.agreements import Drawer, Fund, Window
from projections.settlement.family import FamilyTerms
from projections.settlement.pieces import Piece


class Taken(NamedTuple):
    """The amount that one fund (by number) gave to a slice, and the fund's place in the order used."""

    fund: int
    amount: int
    place: int
    rolled: bool


class SettledPiece(NamedTuple):
    """A settled slice. `overage` is the fund whose overage terms apply to the uncovered amount; None: no such terms."""

    piece: Piece
    taken: tuple[Taken, ...]
    uncovered: int
    overage: int | None


class Spent(NamedTuple):
    """The drawn amount of each fund: in its term, and after its rollover."""

    in_term: list[int]
    rolled: list[int]

    def copied(self) -> "Spent":
        """A copy, which stays unchanged while this object is changed."""
        return Spent(self.in_term.copy(), self.rolled.copy())

    def add(self, taken: Taken) -> None:
        """Add a drawn amount."""
        (self.rolled if taken.rolled else self.in_term)[taken.fund] += taken.amount


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished draw-down. `checkpoints`: (number of pieces before those of a day, amounts spent by then)."""

    pieces: list[Piece]
    outcomes: list[SettledPiece]
    spent: Spent
    checkpoints: list[tuple[int, Spent]]


def draw_down(terms: FamilyTerms, pieces: list[Piece], kept: Drawn | None = None, same: int | None = None) -> Drawn:
    """Settle the pieces in order; `kept` is an earlier draw-down under the same terms.

    `same`: how many of the first pieces equal those of `kept`, if the caller knows; otherwise they are compared.
    """
    if kept is None:
        kept, same = _nothing_drawn(terms), 0
    elif same is None:
        same = _same(kept.pieces, pieces)
    spent, checkpoints = _resume(kept, same)
    outcomes = kept.outcomes[:same]
    run = _Run(terms, spent)
    day = pieces[same - 1].start if same else None
    for number in range(same, len(pieces)):
        piece = pieces[number]
        if piece.start != day:
            day = piece.start
            checkpoints.append((number, spent.copied()))
        outcomes.append(run.settle(piece))
    return Drawn(pieces, outcomes, spent, checkpoints)


def draw_again(terms: FamilyTerms, kept: Drawn, removed: Iterable[Piece], added: Iterable[Piece]) -> Drawn:
    """Settle the draw-down `kept` again, from the first piece that was removed or added."""
    pieces = kept.pieces.copy()
    first = len(pieces)
    for piece in removed:
        index = bisect_left(pieces, piece)
        del pieces[index]
        first = min(first, index)
    for piece in added:
        index = bisect_left(pieces, piece)
        pieces.insert(index, piece)
        first = min(first, index)
    return draw_down(terms, pieces, kept, first)


def _nothing_drawn(terms: FamilyTerms) -> Drawn:
    return Drawn([], [], Spent([0] * len(terms.funds), [0] * len(terms.funds)), [])


def _same(old: Sequence[Piece], new: Sequence[Piece]) -> int:
    """The number of equal pieces at the beginning of both."""
    count = 0
    for before, other in zip(old, new, strict=False):
        if before != other:
            break
        count += 1
    return count


def _resume(kept: Drawn, same: int) -> tuple[Spent, list[tuple[int, Spent]]]:
    """The amounts spent by the first `count` pieces, and the checkpoints before them."""
    checkpoints = kept.checkpoints[: bisect_left(kept.checkpoints, same, key=_pieces_before)]
    if same == len(kept.pieces):
        return kept.spent.copied(), checkpoints
    done, before = checkpoints[-1] if checkpoints else kept.checkpoints[0]
    spent = before.copied()
    for outcome in kept.outcomes[done:same]:
        for taken in outcome.taken:
            spent.add(taken)
    return spent, checkpoints


def _pieces_before(checkpoint: tuple[int, Spent]) -> int:
    return checkpoint[0]


class _Run:
    """One pass over the pieces in order of service start; `spent` is changed as it goes."""

    def __init__(self, terms: FamilyTerms, spent: Spent) -> None:
        self._terms, self._funds, self._spent = terms, terms.funds, spent
        self._queues: dict[Drawer, _Queue] = {}

    def settle(self, piece: Piece) -> SettledPiece:
        if piece.amount < 0:
            return SettledPiece(piece, (), 0, None)
        queue = self._queues.get(piece.drawer)
        if queue is None:
            queue = self._queues[piece.drawer] = _Queue(self._terms.order(piece.drawer), self._funds)
        owed, taken = piece.amount, []
        for window in queue.open_on(piece.start):
            if not owed:
                break
            amount = min(owed, self._left(window, piece.start))
            if amount > 0:
                drawn = Taken(window.fund, amount, window.place, window.rolled)
                self._spent.add(drawn)
                taken.append(drawn)
                owed -= amount
            elif self._is_empty(window):
                queue.close(window)
        overage = queue.overage_terms(piece.start) if owed and piece.drawer.type in METERED else None
        return SettledPiece(piece, tuple(taken), owed, overage)

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
    """The windows of one draw order that are open on a day. Days only go forward, so each window opens and closes
    once.
    """

    def __init__(self, windows: Sequence[Window], funds: Sequence[Fund]) -> None:
        #: Windows by the day on which they open; the first `_opened` of them are open or were closed.
        self._windows = windows
        self._opened = 0
        self._open: list[Window] = []
        self._with_terms: list[Window] = []
        self._funds = funds

    def open_on(self, day: date) -> list[Window]:
        """The open windows in draw order, as a copy that stays unchanged while windows are closed."""
        self._open = [window for window in self._open if window.end > day]
        first = self._opened
        while self._opened < len(self._windows) and self._windows[self._opened].start <= day:
            self._opened += 1
        opened = [window for window in self._windows[first : self._opened] if window.end > day]
        if opened:
            self._open = sorted(self._open + opened)
            with_terms = [
                window for window in opened if not window.rolled and self._funds[window.fund].has_overage_terms
            ]
            self._with_terms = sorted(self._with_terms + with_terms)
        return self._open

    def close(self, window: Window) -> None:
        """Remove an exhausted window."""
        self._open = self._open.copy()
        self._open.remove(window)

    def overage_terms(self, day: date) -> int | None:
        """The fund whose overage terms apply: the last fund in draw order that has such terms, in its term (rules 5.1,
        5.2).
        """
        self._with_terms = [window for window in self._with_terms if window.end > day]
        return self._with_terms[-1].fund if self._with_terms else None
