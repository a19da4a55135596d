"""The charts of a commitment or balance on a page, with their tables, made from answers of the API."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from markupsafe import Markup

from services.console.asking import Asking, Missing, or_missing
from services.console.charts import DrawnChart, burn_down, drawn_by_product, progress, true_ups_by_month
from services.console.wording import day_text, money, month, number

#: The window of the forecast whose band is drawn; the table beside it has all forecasts.
WINDOW = 30


@dataclass(frozen=True, slots=True)
class ChartSpelling:
    """The format of values on charts: the same as on pages."""

    currency: str

    def money(self, amount: Decimal) -> str:
        """The amount with the currency's own decimals."""
        return money(amount, self.currency)

    def number(self, amount: Decimal) -> str:
        """The number with all its digits."""
        return number(amount)

    def day(self, day: date) -> str:
        """A day, such as `1 Jan 2026`."""
        return day_text(day)

    def month(self, day: date) -> str:
        """A month, such as `Jan 2026`."""
        return month(day)


@dataclass(frozen=True)
class Drawing:
    """A chart for a page. It is drawn only when the page is rendered, in the page's locale."""

    id: str
    title: str
    currency: str
    draw: Callable[[], DrawnChart]

    @cached_property
    def chart(self) -> DrawnChart:
        """The chart, drawn once on first use."""
        return self.draw()

    @property
    def wide(self) -> Markup:
        """The wide `<svg>` element; its texts are already escaped."""
        return Markup(self.chart.wide)

    @property
    def narrow(self) -> Markup:
        """The narrow `<svg>` element, for a phone."""
        return Markup(self.chart.narrow)


async def of_commitment(asking: Asking, commitment: dict[str, Any], **moment: str) -> list[Drawing] | Missing:
    """The burn-down and the draws of a commitment, or the progress of a minimum. Empty if there is nothing to draw, as
    before its term; Missing if the API refused.
    """
    if commitment.get("commitmentType") == "MINIMUM":
        answer = await or_missing(asking.get("commitments", commitment["id"], "progress", **moment))
        return answer if isinstance(answer, Missing) else _progress(answer)
    answer = await or_missing(asking.get("commitments", commitment["id"], "burndown", **moment))
    return answer if isinstance(answer, Missing) else _burn_down(answer)


async def of_balance(asking: Asking, balance: dict[str, Any], **moment: str) -> list[Drawing] | Missing:
    """The burn-down and the draws of a balance; as `of_commitment`."""
    answer = await or_missing(asking.get("balances", balance["id"], "burndown", **moment))
    return answer if isinstance(answer, Missing) else _burn_down(answer)


def of_true_ups(months: list[dict[str, Any]], currency: str) -> list[Drawing]:
    """The expected true-ups in one currency by month; empty if there are none."""
    if not months:
        return []
    id, title = f"true-ups-{currency}", "True-ups to expect, by the month in which their period ends"
    draw = partial(true_ups_by_month, months, currency, ChartSpelling(currency), id=id, title=title)
    return [Drawing(id, title, currency, draw)]


def _progress(answer: Any) -> list[Drawing]:
    if answer.get("period") is None or not answer["days"]:
        return []
    return [_drawn(progress, answer, "progress", "What counted toward the minimum", window=WINDOW)]


def _burn_down(answer: Any) -> list[Drawing]:
    if not any(day["added"] for day in answer["days"]):
        return []
    drawings = [_drawn(burn_down, answer, "burn-down", "What is left, and the forecast to the end", window=WINDOW)]
    if answer["products"]:
        drawings.append(_drawn(drawn_by_product, answer, "drawn", "What was drawn, by product"))
    return drawings


def _drawn(draw: Callable[..., DrawnChart], answer: Any, name: str, title: str, **more: Any) -> Drawing:
    id = f"{name}-{answer['id']}"
    drawn = partial(draw, answer, ChartSpelling(answer["currency"]), id=id, title=title, **more)
    return Drawing(id, title, answer["currency"], drawn)
