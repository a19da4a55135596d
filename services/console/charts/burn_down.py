"""The burn-down: what was left by day, what happened to it, and the forecast with its band to the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.console.charts.bars import Series, stacked
from services.console.charts.chart import (
    NARROW,
    WIDE,
    Answer,
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
from services.console.charts.forecast import chosen, forecast_parts, spread
from services.console.charts.frame import FONT, Frame, axes, frame, path
from services.console.charts.svg import document, element, text, titled

#: The names of marks.
MARKS = {
    "START": "start",
    "TOP_UP": "top-up",
    "AMENDED": "terms amended",
    "CANCELLED": "cancelled",
    "END": "end",
    "ROLLOVER_END": "end of rollover",
    "RUNS_OUT": "runs out",
    "USED_UP": "used up",
}
#: Marks that follow from the answer, and are not in its list: their words stand inside the plot, beside their line.
_ENDS = ("RUNS_OUT", "USED_UP")
#: Least distance between the words of marks, in units of the drawing.
_APART = 70


@dataclass(frozen=True, slots=True)
class _Drawing:
    answer: Answer
    form: Form
    window: int
    title: str

    @property
    def days(self) -> list[tuple[date, Decimal]]:
        return [(day_of(point["day"]), amount_of(point["left"])) for point in self.answer["days"]]

    def on(self, size: Size, id: str) -> str:
        days, forecast = self.days, chosen(self.answer, self.window)
        to_come = forecast["points"] if forecast else ()
        last = max([days[-1][0], *(day_of(point["day"]) for point in to_come)])
        amounts = [amount for _, amount in days]
        amounts += [amount_of(point[name]) for point in to_come for name in ("left", "low", "high")]
        drawn = frame(size, days[0][0], last, amounts)
        places = [(drawn.x(day), drawn.y(left)) for day, left in days]
        line = path(places, stepped=True)
        parts = [
            *axes(drawn, self.form.money, self.form),
            element("path", class_="chart-area", d=f"{line}V{drawn.zero}H{places[0][0]}Z", stroke="none"),
            *forecast_parts(drawn, self.answer, self.window, "left"),
            element("path", class_="chart-line", d=line, fill="none", stroke="currentColor"),
            element("circle", class_="chart-now", cx=places[-1][0], cy=places[-1][1], r=3),
            *self._marks(drawn),
        ]
        return document(size.width, size.height, id, self.title, self.description(), parts)

    def _marks(self, drawn: Frame) -> Iterator[str]:
        top, bottom, free = drawn.size.top, drawn.size.height - drawn.size.bottom, Decimal(0)
        for mark in sorted([*self.answer["marks"], *self._end_of_it()], key=lambda mark: day_of(mark["day"])):
            day, amount = day_of(mark["day"]), mark.get("amount")
            if not drawn.first <= day <= drawn.last:
                continue
            words = MARKS[mark["kind"]]
            told = words if amount is None else f"{words} {self.form.money(amount_of(amount))}"
            x = drawn.x(day)
            name = f"chart-mark chart-mark-{mark['kind'].lower().replace('_', '-')}"
            line = element("line", x1=x, y1=top, x2=x, y2=bottom, stroke="currentColor", stroke_dasharray="2 3")
            label = ""
            anchor = "end" if Decimal(x) > drawn.size.width - drawn.size.right - _APART else "start"
            above = {"class_": "chart-label", "x": x, "y": top - 8, "text_anchor": anchor, "font_size": FONT}
            if mark["kind"] in _ENDS:
                aside = "-0.4em" if anchor == "end" else "0.4em"
                label = text(words, **above | {"y": top + 12, "dx": aside})
            elif mark["kind"] not in ("START", "END") and Decimal(x) >= free:
                label = text(words, **above)
                free = Decimal(x) + _APART
            yield element("g", titled(f"{self.form.day(day)}: {told}"), line, label, class_=name)

    def _end_of_it(self) -> Iterator[Answer]:
        """Marks for the day since which it is used up, and for the day on which it runs out by the drawn forecast."""
        if self.answer.get("usedUpSince") is not None:
            yield {"day": self.answer["usedUpSince"], "kind": "USED_UP"}
        forecast = chosen(self.answer, self.window)
        if forecast is not None and forecast.get("runsOut") is not None:
            yield {"day": forecast["runsOut"], "kind": "RUNS_OUT"}

    def description(self) -> str:
        """What is left, and when it will have run out, in words."""
        day, left = self.days[-1]
        return sentences([f"{self.form.money(left)} left on {self.form.day(day)}.", *self.told()])

    def told(self) -> tuple[str, ...]:
        """Sentences: that nothing is left, and since when; what was paid in for later days; and by each forecast when
        it runs out.

        Once nothing is left, only forecasts with money for later days say anything.
        """
        forecasts, now = self.answer["forecasts"], self.answer["days"][-1]
        none_left = bool(forecasts) and amount_of(now["left"]) <= 0
        if none_left:
            forecasts = [
                forecast
                for forecast in forecasts
                if forecast.get("runsOut") is not None or amount_of(forecast["left"]) > 0
            ]
        told = [f"By the usage of the last {forecast['window']} days {self._end(forecast)}." for forecast in forecasts]
        ahead = amount_of(now["ahead"])
        if ahead > 0:
            told.insert(0, f"{self.form.money(ahead)} was paid in to be drawn from a later day on.")
        return (*([self._gone(now)] if none_left else []), *told)

    def _gone(self, now: Answer) -> str:
        since = self.answer.get("usedUpSince")
        if since is not None:
            return f"It has been used up since {self.form.day(day_of(since))}."
        if amount_of(now["added"]) > 0:
            return "It is used up."
        return "Nothing was put on it yet." if amount_of(now["ahead"]) <= 0 else "Nothing can be drawn of it yet."

    def _end(self, forecast: Answer) -> str:
        if forecast.get("runsOut") is None:
            return f"{self.form.money(amount_of(forecast['left']))} will be left at the end"
        earliest, latest = forecast.get("earliest"), forecast.get("latest")
        between = f", at the earliest {self.form.day(day_of(earliest))}" if earliest is not None else ""
        between += f", at the latest {self.form.day(day_of(latest))}" if latest is not None else ""
        return f"it runs out on {self.form.day(day_of(forecast['runsOut']))}{between}"


def burn_down(
    answer: Answer, form: Form | None = None, *, id: str = "burn-down", window: int = 30, title: str = "Burn-down"
) -> DrawnChart:
    """The burn-down chart of the answer of `GET commitments/{id}/burndown` or `balances/{id}/burndown`. `window`: the
    forecast whose band is drawn.
    """
    drawing = _Drawing(answer, form or Plain(answer["currency"]), window, title)
    return DrawnChart(drawing.on(WIDE, id), drawing.on(NARROW, f"{id}-narrow"), tuple(_tables(answer)), drawing.told())


def drawn_by_product(
    answer: Answer, form: Form | None = None, *, id: str = "drawn", title: str = "Drawn by product"
) -> DrawnChart:
    """A chart of the same answer: the amounts that each product's charges drew, by day."""
    names = {product["id"]: product["name"] for product in answer["products"]}
    by_product: dict[str, dict[date, Decimal]] = {product: {} for product in names}
    for day in answer["days"]:
        for part in day["products"]:
            by_product[part["productId"]][day_of(day["day"])] = amount_of(part["amount"])
    series = [Series(names[product], amounts) for product, amounts in by_product.items()]
    return stacked(series, form or Plain(answer["currency"]), id=id, title=title, kind="money")


def _tables(answer: Answer) -> Iterator[Table]:
    days = [
        (day_of(point["day"]), *(amount_of(point[name]) for name in ("added", "drawn", "left", "lapsed")))
        for point in answer["days"]
    ]
    money = [Column(name, "money") for name in ("Added in all", "Drawn in all", "Left", "Lapsed")]
    yield Table("Left at the end of each day on which something changed", (Column("Day", "day"), *money), tuple(days))
    marks = [
        (day_of(mark["day"]), MARKS[mark["kind"]], None if mark.get("amount") is None else amount_of(mark["amount"]))
        for mark in answer["marks"]
    ]
    columns = (Column("Day", "day"), Column("What", "text"), Column("Amount", "money"))
    yield Table("What happened to it", columns, tuple(marks))
    if answer["forecasts"]:
        yield _forecasts(answer)


def _forecasts(answer: Answer) -> Table:
    rows = [
        (
            forecast["window"],
            forecast["days"],
            *(amount_of(forecast[name]) for name in ("perDay", "deviation")),
            *spread(forecast, "runsOut", "earliest", "latest"),
            *(amount_of(forecast[name]) for name in ("left", "low", "high", "uncovered", "lapses")),
        )
        for forecast in answer["forecasts"]
    ]
    days = [Column(name, "day") for name in ("Runs out", "At the earliest", "At the latest")]
    money = [Column(name, "money") for name in ("Left at the end", "At least", "At most", "Not covered", "Lapses")]
    looked = (Column("Usage of the last days", "count"), Column("Of these in its term", "count"))
    pace = (Column("A day", "money"), Column("Deviation", "money"))
    return Table("Forecast", (*looked, *pace, *days, *money), tuple(rows))
