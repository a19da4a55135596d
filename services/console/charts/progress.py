"""The progress of a minimum: what has counted by day against what the period owes, and the true-up to expect."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

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
from services.console.charts.frame import FONT, axes, frame, path
from services.console.charts.svg import document, element, text


@dataclass(frozen=True, slots=True)
class _Drawing:
    answer: Answer
    form: Form
    window: int
    title: str

    @property
    def days(self) -> list[tuple[date, Decimal]]:
        return [(day_of(day["day"]), amount_of(day["counted"])) for day in self.answer["days"]]

    def on(self, size: Size, id: str) -> str:
        period, days = self.answer["period"], self.days
        owed = amount_of(period["amount"])
        start, end = day_of(period["startDate"]), day_of(period["endDate"]) - timedelta(days=1)
        inside = [(day, counted) for day, counted in days if day <= end] or [(end, days[-1][1])]
        forecast = chosen(self.answer, self.window)
        amounts = [owed, *(counted for _, counted in inside)]
        for point in forecast["points"] if forecast else ():
            amounts += [amount_of(point[name]) for name in ("counted", "low", "high")]
        drawn = frame(size, min(start, inside[0][0]), end, amounts)
        places = [(drawn.x(drawn.first), drawn.zero), *((drawn.x(day), drawn.y(counted)) for day, counted in inside)]
        line, y, right = path(places, stepped=True), drawn.y(owed), size.width - size.right
        parts = [
            *axes(drawn, self.form.money, self.form),
            element("path", class_="chart-area", d=f"{line}V{drawn.zero}H{places[0][0]}Z", stroke="none"),
            *forecast_parts(drawn, self.answer, self.window, "counted"),
            element("path", class_="chart-line", d=line, fill="none", stroke="currentColor"),
            element("line", class_="chart-owed", x1=size.left, y1=y, x2=right, y2=y, stroke="currentColor"),
            text("owed", class_="chart-label", x=size.left + 4, y=y, dy="-0.4em", font_size=FONT),
            element("circle", class_="chart-now", cx=places[-1][0], cy=places[-1][1], r=3),
        ]
        return document(size.width, size.height, id, self.title, self.description(), parts)

    def description(self) -> str:
        """What has counted, and the true-up to expect, in words."""
        period, (day, counted) = self.answer["period"], self.days[-1]
        told = [
            f"{self.form.money(counted)} of {self.form.money(amount_of(period['amount']))} had counted on "
            f"{self.form.day(day)}."
        ]
        return sentences([*told, *self.told()])

    def told(self) -> tuple[str, ...]:
        """When the minimum is reached, or the true-up to expect, by each forecast."""
        return tuple(
            f"By the usage of the last {forecast['window']} days {self._end(forecast)}."
            for forecast in self.answer["forecasts"]
        )

    def _end(self, forecast: Answer) -> str:
        if forecast.get("reached") is not None:
            return f"the minimum is reached on {self.form.day(day_of(forecast['reached']))}"
        true_up, least, most = (
            self.form.money(amount_of(forecast[name])) for name in ("trueUp", "trueUpLow", "trueUpHigh")
        )
        return f"the true-up will be {true_up}" + (f", at least {least}, at most {most}" if least != most else "")


def progress(
    answer: Answer, form: Form | None = None, *, id: str = "progress", window: int = 30, title: str = "Minimum"
) -> DrawnChart:
    """The chart of the answer of `GET commitments/{id}/progress`. `window`: the forecast whose band is drawn."""
    drawing = _Drawing(answer, form or Plain(answer["currency"]), window, title)
    days = Table(
        "What had counted at the end of each day on which it changed",
        (Column("Day", "day"), Column("Counted", "money")),
        tuple(drawing.days),
    )
    tables = (days, _forecasts(answer)) if answer["forecasts"] else (days,)
    return DrawnChart(drawing.on(WIDE, id), drawing.on(NARROW, f"{id}-narrow"), tables, drawing.told())


def _forecasts(answer: Answer) -> Table:
    names = ("counted", "low", "high", "trueUp", "trueUpLow", "trueUpHigh")
    rows = [
        (
            forecast["window"],
            forecast["days"],
            *(amount_of(forecast[name]) for name in ("perDay", "deviation")),
            *spread(forecast, "reached", "earliest", "latest"),
            *(amount_of(forecast[name]) for name in names),
        )
        for forecast in answer["forecasts"]
    ]
    looked = (Column("Usage of the last days", "count"), Column("Of these in its term", "count"))
    pace = (Column("A day", "money"), Column("Deviation", "money"))
    days = [Column(name, "day") for name in ("Reached", "At the earliest", "At the latest")]
    told = ("Counted at the end", "At least", "At most", "True-up", "True-up at least", "True-up at most")
    money = [Column(name, "money") for name in told]
    return Table("Forecast", (*looked, *pace, *days, *money), tuple(rows))
