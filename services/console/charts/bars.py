"""Bar charts: true-ups by month, usage by day, and draws of products, stacked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from projections.calendar import add_months
from services.console.charts.chart import (
    NARROW,
    WIDE,
    Answer,
    CellKind,
    Column,
    DrawnChart,
    Form,
    Plain,
    Size,
    Table,
    amount_of,
    day_of,
    sentences,
)
from services.console.charts.frame import FONT, amount_axis, steps
from services.console.charts.scale import Scale, shown_tenths
from services.console.charts.svg import document, element, text, titled

#: Most bars of a drawing; if there are more days, several share a bar.
BARS_MAX = 120
#: Largest width of a bar, in units of the drawing.
WIDEST = 60
#: Width that a bar needs, in units of the drawing, to have its name below it.
NAMED_APART = 90
#: Number of series with a colour of their own; if there are more, the last colour stands for all others together.
SERIES_MAX = 6
Kind = Literal["money", "number"]


class Series(NamedTuple):
    """The amounts of one series by day, and its name."""

    name: str
    amounts: Mapping[date, Decimal]


class Bar(NamedTuple):
    """The amounts of the days from `first` to `last`, one for each series."""

    first: date
    last: date
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class _Drawing:
    names: Sequence[str]
    bars: Sequence[Bar]
    form: Form
    kind: Kind
    unit: CellKind
    title: str

    def written(self, amount: Decimal) -> str:
        return self.form.money(amount) if self.kind == "money" else self.form.number(amount)

    def when(self, bar: Bar) -> str:
        name = self.form.month if self.unit == "month" else self.form.day
        return name(bar.first) if bar.first == bar.last else f"{name(bar.first)} – {name(bar.last)}"

    def on(self, size: Size, id: str) -> str:
        named = steps([sign for bar in self.bars for sign in _above_and_below(bar)] or [Decimal(0)])
        amounts = Scale(named[0], named[-1], size.height - size.bottom, size.top)
        parts = [
            *amount_axis(size, named, amounts, self.written),
            *self._named(size),
            *self._bars(size, amounts),
            *self._legend(size),
        ]
        return document(size.width, size.height, id, self.title, self.description(), parts)

    def _named(self, size: Size) -> Iterator[str]:
        """The name of each bar below it; if not all fit, only the first and the last."""
        if len(self.bars) * NAMED_APART <= size.width - size.right - size.left:
            width = Fraction(size.width - size.right - size.left, max(1, len(self.bars)))
            places = [("middle", shown_tenths(round((size.left + width * (n + Fraction(1, 2))) * 10)), bar)
                      for n, bar in enumerate(self.bars)]  # fmt: skip
        else:
            places = [("start", f"{size.left}", self.bars[0]), ("end", f"{size.width - size.right}", self.bars[-1])]
        for anchor, x, bar in places:
            words = {"x": x, "y": size.height - 12, "text_anchor": anchor, "font_size": FONT}
            yield text(self.when(bar), class_="chart-label", **words)

    def _bars(self, size: Size, amounts: Scale) -> Iterator[str]:
        width = Fraction(size.width - size.right - size.left, max(1, len(self.bars)))
        for index, bar in enumerate(self.bars):
            wide = min(width * 8 / 10, Fraction(WIDEST))
            x = size.left + width * index + (width - wide) / 2
            up, down = Decimal(0), Decimal(0)
            for number, amount in enumerate(bar.amounts):
                if not amount:
                    continue
                base = up if amount > 0 else down
                top, foot = (Decimal(amounts.at(end)) for end in (max(base, base + amount), min(base, base + amount)))
                up, down = (up + amount, down) if amount > 0 else (up, down + amount)
                sign = "" if amount > 0 else " chart-below"
                yield element(
                    "rect",
                    titled(f"{self.when(bar)}{self._of(number)}: {self.written(amount)}"),
                    class_=f"chart-bar chart-series-{number + 1}{sign}",
                    x=shown_tenths(round(x * 10)),
                    y=top,
                    width=shown_tenths(max(1, round(wide * 10))),
                    height=foot - top,
                )

    def _of(self, number: int) -> str:
        return f", {self.names[number]}" if len(self.names) > 1 else ""

    def _legend(self, size: Size) -> Iterator[str]:
        if len(self.names) < 2:
            return
        apart = (size.width - size.left - size.right) // len(self.names)
        for number, name in enumerate(self.names):
            x = size.left + apart * number
            yield element("rect", class_=f"chart-bar chart-series-{number + 1}", x=x, y=6, width=10, height=10)
            short = name if len(name) * 7 <= apart - 20 else f"{name[: max(1, (apart - 20) // 7 - 1)]}…"
            yield text(short, class_="chart-label", x=x + 14, y=15, font_size=FONT)

    def description(self) -> str:
        """The days from first to last, and the greatest amount, in words. Nothing is summed up: that is the API's
        part.
        """
        if not self.bars:
            return "There is nothing to show."
        of = [(amount, number, bar) for bar in self.bars for number, amount in enumerate(bar.amounts)]
        amount, number, bar = max(of, key=lambda labelled: labelled[0])
        first, last = self.when(self.bars[0]), self.when(self.bars[-1])
        return sentences([
            f"{first}." if len(self.bars) == 1 else f"From {first} to {last}.",
            f"The most is {self.written(amount)}: {self.when(bar)}{self._of(number)}.",
        ])  # fmt: skip


def stacked(
    series: Sequence[Series], form: Form, *, id: str, title: str, kind: Kind, unit: CellKind = "day"
) -> DrawnChart:
    """Stacked bars of several series, by day (or by month, where a month is given by its first day)."""
    few = _few(series)
    bars = _months(few) if unit == "month" else _days(few)
    drawing = _Drawing([line.name for line in few], bars, form, kind, unit, title)
    days = sorted({day for line in series for day in line.amounts})
    rows = [(day, *(line.amounts.get(day, Decimal(0)) for line in series)) for day in days]
    columns = (Column("Month" if unit == "month" else "Day", unit), *(Column(line.name, kind) for line in series))
    return DrawnChart(drawing.on(WIDE, id), drawing.on(NARROW, f"{id}-narrow"), (Table(title, columns, tuple(rows)),))


def true_ups_by_month(
    months: Sequence[Answer],
    currency: str,
    form: Form | None = None,
    *,
    id: str = "true-ups",
    title: str = "True-ups expected by month",
) -> DrawnChart:
    """The chart of `trueUps` of one currency of `GET overview`: the amount of each month (its first day, or
    `2026-05`).
    """
    amounts = {_month(month["month"]): amount_of(month["amount"]) for month in months}
    series = [Series("True-up", amounts)]
    return stacked(series, form or Plain(currency), id=id, title=title, kind="money", unit="month")


def usage_by_day(
    days: Sequence[Answer],
    form: Form | None = None,
    *,
    id: str = "usage",
    title: str = "Usage by day",
    name: str = "Quantity",
) -> DrawnChart:
    """The chart of quantities by day: `{"day", "quantity"}` each."""
    amounts = {day_of(point["day"]): amount_of(point["quantity"]) for point in days}
    return stacked([Series(name, amounts)], form or Plain(), id=id, title=title, kind="number")


def _month(value: object) -> date:
    return day_of(f"{value}-01" if isinstance(value, str) and len(value) == len("2026-05") else value)


def _few(series: Sequence[Series]) -> list[Series]:
    """The series with a colour of their own, and the sum of all others as one more."""
    if len(series) <= SERIES_MAX:
        return list(series)
    others: dict[date, Decimal] = {}
    for other in series[SERIES_MAX - 1 :]:
        for day, amount in other.amounts.items():
            others[day] = others.get(day, Decimal(0)) + amount
    return [*series[: SERIES_MAX - 1], Series("others", others)]


def _months(series: Sequence[Series]) -> list[Bar]:
    """A bar for each month from the first to the last; if these are too many, only for months with an amount."""
    named = sorted({day for line in series for day in line.amounts})
    months = [*named[:1]]
    while months and months[-1] < named[-1] and len(months) <= BARS_MAX:
        months.append(add_months(months[-1], 1))
    shown = months if len(months) <= BARS_MAX else named
    return [Bar(day, day, tuple(line.amounts.get(day, Decimal(0)) for line in series)) for day in shown]


def _days(series: Sequence[Series]) -> list[Bar]:
    """A bar for each day from the first to the last; if these are too many, several days share one."""
    days = sorted({day for line in series for day in line.amounts})
    if not days:
        return []
    span = (days[-1] - days[0]).days + 1
    length = -(-span // BARS_MAX)
    sums = [[Decimal(0)] * len(series) for _ in range(0, span, length)]
    for number, line in enumerate(series):
        for day, amount in line.amounts.items():
            sums[(day - days[0]).days // length][number] += amount
    starts = (days[0] + timedelta(days=length * index) for index in range(len(sums)))
    return [
        Bar(first, min(first + timedelta(days=length - 1), days[-1]), tuple(amounts))
        for first, amounts in zip(starts, sums, strict=True)
    ]


def _above_and_below(bar: Bar) -> tuple[Decimal, Decimal]:
    above = sum((amount for amount in bar.amounts if amount > 0), Decimal(0))
    return above, sum((amount for amount in bar.amounts if amount < 0), Decimal(0))
