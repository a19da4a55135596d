"""The future part of a chart: the middle of the chosen forecast, and its band."""

from collections.abc import Iterator
from datetime import date

from services.console.charts.chart import Answer, amount_of, day_of
from services.console.charts.frame import Frame, band, path
from services.console.charts.svg import element


def chosen(answer: Answer, window: int) -> Answer | None:
    """The forecast by the usage of this many days; without one, the last of the answer; None if there are no
    forecasts.
    """
    forecasts = answer["forecasts"]
    return next(
        (forecast for forecast in forecasts if forecast["window"] == window), forecasts[-1] if forecasts else None
    )


def forecast_parts(drawn: Frame, answer: Answer, window: int, name: str) -> Iterator[str]:
    """The band of the chosen forecast, and its middle; `name`: the points' member with the middle value."""
    forecast = chosen(answer, window)
    if forecast is None:
        return
    points = [(drawn.x(day_of(point["day"])), point) for point in forecast["points"]]
    high, low, middle = (
        [(x, drawn.y(amount_of(point[member]))) for x, point in points] for member in ("high", "low", name)
    )
    yield element("path", class_="chart-band", d=band(high, low), stroke="none")
    yield element(
        "path", class_="chart-forecast", d=path(middle), fill="none", stroke="currentColor", stroke_dasharray="5 4"
    )


def spread(forecast: Answer, *names: str) -> tuple[date | None, ...]:
    """The days under these names; None for a missing one."""
    return tuple(None if forecast.get(name) is None else day_of(forecast[name]) for name in names)
