"""Charts of a commitment or balance on a page: drawn from what the API says of it, each with its tables."""

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

#: The forecast whose band is drawn; the table beside it has all of them.
WINDOW = 30


@dataclass(frozen=True, slots=True)
class ChartSpelling:
    """How charts write: as pages do."""

    currency: str

    def money(self, amount: Decimal) -> str:
        """In the currency's own decimals."""
        return money(amount, self.currency)

    def number(self, amount: Decimal) -> str:
        """With all its digits."""
        return number(amount)

    def day(self, day: date) -> str:
        """`1 Jan 2026`."""
        return day_text(day)

    def month(self, day: date) -> str:
        """`Jan 2026`."""
        return month(day)


@dataclass(frozen=True)
class Drawing:
    """A chart with what a page says of it."""

    id: str
    title: str
    currency: str
    draw: Callable[[], DrawnChart]

    @cached_property
    def chart(self) -> DrawnChart:
        """Drawn when the page is made: its words have the page's form."""
        return self.draw()

    @property
    def wide(self) -> Markup:
        """The whole element; its texts are escaped where it is made."""
        return Markup(self.chart.wide)

    @property
    def narrow(self) -> Markup:
        """The element as a phone has room for it."""
        return Markup(self.chart.narrow)


async def of_commitment(asking: Asking, commitment: dict[str, Any], **moment: str) -> list[Drawing] | Missing:
    """Its burn-down and who drew; of a minimum its progress. None where nothing can be drawn, as before its term."""
    if commitment.get("commitmentType") == "MINIMUM":
        answer = await or_missing(asking.get("commitments", commitment["id"], "progress", **moment))
        return answer if isinstance(answer, Missing) else _progress(answer)
    answer = await or_missing(asking.get("commitments", commitment["id"], "burndown", **moment))
    return answer if isinstance(answer, Missing) else _burn_down(answer)


async def of_balance(asking: Asking, balance: dict[str, Any], **moment: str) -> list[Drawing] | Missing:
    """Its burn-down, and who drew."""
    answer = await or_missing(asking.get("balances", balance["id"], "burndown", **moment))
    return answer if isinstance(answer, Missing) else _burn_down(answer)


def of_true_ups(months: list[dict[str, Any]], currency: str) -> list[Drawing]:
    """The true-ups to expect in one currency, by month; none where none are."""
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
