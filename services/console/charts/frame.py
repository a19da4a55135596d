"""The frame of a chart over days: its axes with their names, and the places of days and amounts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.console.charts.chart import Form, Size
from services.console.charts.scale import Scale, day_ticks, ticks
from services.console.charts.svg import element, text

FONT = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """Days run from left to right, amounts upwards; `named` are the amounts that the axis names."""

    size: Size
    days: Scale
    amounts: Scale
    named: Sequence[Decimal]
    first: date
    last: date

    def x(self, day: date) -> str:
        """The horizontal place of a day."""
        return self.days.at(day.toordinal())

    def y(self, amount: Decimal) -> str:
        """The vertical place of an amount."""
        return self.amounts.at(amount)

    @property
    def zero(self) -> str:
        """The vertical place of zero."""
        return self.y(Decimal(0))


def frame(size: Size, first: date, last: date, amounts: Sequence[Decimal]) -> Frame:
    """A frame for these days and amounts; zero is always inside."""
    named = steps(amounts)
    bottom, right = size.height - size.bottom, size.width - size.right
    return Frame(
        size,
        Scale(Decimal(first.toordinal()), Decimal(last.toordinal()), size.left, right),
        Scale(named[0], named[-1], bottom, size.top),
        named,
        first,
        last,
    )


def axes(on: Frame, written: Callable[[Decimal], str], form: Form) -> Iterator[str]:
    """Lines at the named amounts, with the amounts, and some days below."""
    yield from amount_axis(on.size, on.named, on.amounts, written)
    bottom, width = on.size.height - on.size.bottom, on.size.width - on.size.right - on.size.left
    named = day_ticks(on.first, on.last, 5 if width > 400 else 3)
    anchors = ["start", *["middle"] * (len(named) - 2), "end"]
    for day, anchor in zip(named, anchors, strict=False):  # a single day is anchored at its start
        yield text(form.day(day), class_="chart-label", x=on.x(day), y=bottom + 20, text_anchor=anchor, font_size=FONT)


def amount_axis(
    size: Size, named: Sequence[Decimal], amounts: Scale, written: Callable[[Decimal], str]
) -> Iterator[str]:
    """A line at each named amount, with the amount."""
    left, right = size.left, size.width - size.right
    for amount in named:
        y, name = amounts.at(amount), "chart-grid" if amount else "chart-axis"
        yield element("line", class_=name, x1=left, y1=y, x2=right, y2=y, stroke="currentColor")
        words = {"x": left - 6, "y": y, "dy": "0.35em", "text_anchor": "end", "font_size": FONT}
        yield text(written(amount), class_="chart-label", **words)


def steps(amounts: Sequence[Decimal]) -> list[Decimal]:
    """The amounts that an axis names; their distance is at least the last digit of any of these amounts (1 for yen)."""
    return ticks(amounts, Decimal(1).scaleb(min((_exponent(amount) for amount in amounts), default=0)))


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return min(0, exponent) if isinstance(exponent, int) else 0


def path(points: Sequence[tuple[str, str]], *, stepped: bool = False) -> str:
    """A line through the points; `stepped` if a value holds until the next point. Of points at one place the last one
    counts.
    """
    kept: list[tuple[str, str]] = []
    for point in points:
        if kept and kept[-1][0] == point[0]:
            kept.pop()
        kept.append(point)
    if not kept:
        return ""
    begun = f"M{kept[0][0]} {kept[0][1]}"
    if stepped:
        return begun + "".join(f"H{x}V{y}" for x, y in kept[1:])
    return begun + "".join(f"L{x} {y}" for x, y in kept[1:])


def band(upper: Sequence[tuple[str, str]], lower: Sequence[tuple[str, str]]) -> str:
    """The closed line around the area between two lines."""
    around = [*upper, *reversed(lower)]
    return "M" + "L".join(f"{x} {y}" for x, y in around) + "Z" if around else ""
