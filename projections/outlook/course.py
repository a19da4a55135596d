"""The course of what is left: what is added on known days, and used by a pace, day by day to the end (rules 11.6)."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from projections.outlook.pace import Use


class Addition(NamedTuple):
    """What can be drawn more from a day on, by the number of days from now."""

    number: int
    amount: int


class _Stretch(NamedTuple):
    """The days from `first` until the next addition: what there is at their beginning, and what was used by then."""

    first: int
    opening: int
    used: int


@dataclass(frozen=True, slots=True)
class Course:
    """Numbers are of days from now; 0 is now. `runs_out`: the first day at whose end nothing is left of what there was;
    None: never. What is used up by now does not run out, unless something is added to it first.

    `left` is what is left at the end of the last day, `covered` what was drawn by then, `uncovered` what was used and
    found nothing left.
    """

    use: Use
    stretches: tuple[_Stretch, ...]
    runs_out: int | None
    left: int
    covered: int
    uncovered: int

    def left_on(self, number: int) -> int:
        """What is left at the end of a day."""
        stretch = self.stretches[bisect_right(self.stretches, number, key=lambda stretch: stretch.first) - 1]
        return max(0, stretch.opening - (self.use(number) - stretch.used))


def course(left: int, additions: Sequence[Addition], last: int, use: Use) -> Course:
    """From what is `left` now to the end of the day number `last`; `use` never falls.

    What found nothing left is not made up for by what is added later: that can be drawn by later usage alone.
    """
    stretches = [_Stretch(0, max(0, left), 0)]
    runs_out: int | None = None
    remaining, uncovered = max(0, left), 0
    starts = [Addition(1, 0), *additions]
    for index, start in enumerate(starts):
        stop = starts[index + 1].number - 1 if index + 1 < len(starts) else last
        before = use(start.number - 1)
        opening = remaining + start.amount
        stretches.append(_Stretch(start.number, opening, before))
        rest = opening - (use(stop) - before)
        if rest <= 0 < opening and runs_out is None:
            days = range(start.number, stop + 1)
            runs_out = days[bisect_left(days, True, key=lambda day: opening - (use(day) - before) <= 0)]
        remaining, uncovered = max(0, rest), uncovered + max(0, -rest)
    return Course(use, tuple(stretches), runs_out, remaining, use(last) - uncovered, uncovered)
