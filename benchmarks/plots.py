"""Numbers as bars, as SVG that needs no stylesheet: each bar goes to the median of its runs, with a line from the least
to the most of them, and a mark where the aim is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median

from services.console.charts.scale import shown_tenths, ticks
from services.console.charts.svg import document, element, text, titled

WIDTH, LEFT, RIGHT, TOP, ROW, FONT = 820, 390, 76, 16, 24, 12
#: Readable on a light page as on a dark one.
BAR, SPREAD, AIM, WORDS, GRID = "#4c84c4", "#1f3f66", "#c4622d", "#808890", "#80889055"

_NOTHING = "Nothing was measured yet."


@dataclass(frozen=True, slots=True)
class Bar:
    """A number, by its runs; `aim`: what it is to be, at least or at most."""

    name: str
    values: Sequence[float]
    aim: float | None = None


def bars(title: str, unit: str, shown: Sequence[Bar], *, id: str, by_tenfold: bool = False) -> str:
    """A drawing; `by_tenfold`: each step of its axis is ten times the one before, for what differs so much."""
    if not shown:
        words = text(_NOTHING, x=WIDTH // 2, y=TOP + FONT, fill=WORDS, font_size=FONT, text_anchor="middle")
        return document(WIDTH, 2 * TOP + FONT, id, title, _NOTHING, [words])
    axis = _tenfold(shown) if by_tenfold else _even(shown)
    bottom = TOP + ROW * len(shown)
    parts = [*_grid(axis, bottom), *(part for row, bar in enumerate(shown) for part in _bar(axis, row, bar))]
    parts.append(text(unit, x=LEFT, y=bottom + 34, fill=WORDS, font_size=FONT))
    told = "; ".join(f"{bar.name}: {_number(median(bar.values))}" for bar in shown)
    return document(WIDTH, bottom + 42, id, title, f"{told}. In {unit}.", parts)


@dataclass(frozen=True, slots=True)
class _Axis:
    named: Sequence[float]
    by_tenfold: bool

    def x(self, value: float) -> int:
        """Tenths of a unit from the left."""
        low, high = self.named[0], self.named[-1]
        if self.by_tenfold:
            share = math.log(max(value, low) / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        return 10 * LEFT + round(Fraction(share) * 10 * (WIDTH - RIGHT - LEFT))


def _all(shown: Sequence[Bar]) -> list[float]:
    return [value for bar in shown for value in (*bar.values, *(() if bar.aim is None else (bar.aim,)))]


def _even(shown: Sequence[Bar]) -> _Axis:
    tick_values = ticks([Decimal(f"{value:.6g}") for value in _all(shown)], Decimal("0.01"))
    return _Axis([float(value) for value in tick_values], by_tenfold=False)


def _tenfold(shown: Sequence[Bar]) -> _Axis:
    values = [value for value in _all(shown) if value > 0]
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return _Axis([10.0**power for power in range(first, max(last, first + 1) + 1)], by_tenfold=True)


def _grid(axis: _Axis, bottom: int) -> Iterator[str]:
    for value in axis.named:
        x = shown_tenths(axis.x(value))
        yield element("line", x1=x, y1=TOP - 6, x2=x, y2=bottom, stroke=GRID)
        yield text(_number(value), x=x, y=bottom + 16, fill=WORDS, font_size=FONT, text_anchor="middle")


def _bar(axis: _Axis, row: int, bar: Bar) -> Iterator[str]:
    top, middle, end = TOP + ROW * row, TOP + ROW * row + ROW // 2, median(bar.values)
    yield text(bar.name, x=LEFT - 8, y=middle + 4, fill=WORDS, font_size=FONT, text_anchor="end")
    told = f"{bar.name}: {_number(end)}" + ("" if bar.aim is None else f", the aim is {_number(bar.aim)}")
    width = max(1, axis.x(end) - 10 * LEFT)
    box = {"x": LEFT, "y": top + 5, "width": shown_tenths(width), "height": ROW - 10}
    yield element("rect", titled(told), **box, fill=BAR)
    first, last = (shown_tenths(axis.x(value)) for value in (min(bar.values), max(bar.values)))
    if first != last:
        yield element("line", x1=first, y1=middle, x2=last, y2=middle, stroke=SPREAD, stroke_width=3)
    if bar.aim is not None:
        x = shown_tenths(axis.x(bar.aim))
        yield element("line", x1=x, y1=top + 1, x2=x, y2=top + ROW - 1, stroke=AIM, stroke_width=3)
    furthest = max(axis.x(value) for value in (end, *bar.values))
    yield text(_number(end), x=shown_tenths(furthest + 60), y=middle + 4, fill=WORDS, font_size=FONT)


def _number(value: float) -> str:
    """To three digits."""
    return f"{Decimal(f'{value:.3g}'):,f}" if value < 1000 else f"{value:,.0f}"
