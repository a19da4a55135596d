"""Answers about what is to be expected: burn-downs, the progress of minimums, forecasts (rules 11)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from events.resources.organization import CreditKind
from projections.outlook.burndown import MarkKind
from projections.settlement.states import Status
from services.api.insight_answers import PositionsShown
from services.api.shown import Period, Shown


class ProductShown(Shown):
    """A product that drew."""

    id: str
    code: str
    name: str


class ProductDrawnShown(Shown):
    """What charges of a product drew on a day; below zero where others draw instead now."""

    product_id: str
    amount: Decimal


class BurnedDayShown(Shown):
    """How it stood at the end of a day: `added` is `drawn`, `left` and `lapsed`; `ahead` was paid in for later days."""

    day: date
    added: Decimal
    drawn: Decimal
    left: Decimal
    lapsed: Decimal
    ahead: Decimal
    products: tuple[ProductDrawnShown, ...]


class MarkShown(Shown):
    """What happened on a day; `amount` of what was paid in or, below zero, taken out."""

    day: date
    kind: MarkKind
    amount: Decimal | None = None


class LeftToBe(Shown):
    """What will be left at the end of a day, and its band."""

    day: date
    left: Decimal
    low: Decimal
    high: Decimal


class Paced(Shown):
    """By the usage of the last `window` days, of which `days` lie in the term: the mean and deviation of a day."""

    window: int
    days: int
    per_day: Decimal
    deviation: Decimal
    earliest: date | None = None
    latest: date | None = None


class BurnDownForecast(Paced):
    """When it runs out (absent: something is left in the end, or nothing is now), at the earliest and latest within the
    band, and what is left in the end.

    `uncovered` will be used and find nothing left, `lapses` is what will be left and not roll over.
    """

    runs_out: date | None = None
    left: Decimal
    low: Decimal
    high: Decimal
    uncovered: Decimal
    lapses: Decimal
    points: tuple[LeftToBe, ...]


class _Outlook(Shown):
    id: str
    account_id: str
    currency: str
    as_of: date
    known_at: datetime | None = None
    positions: PositionsShown
    version: int
    status: Status


class BurnDownAnswer(_Outlook):
    """A prepayment or balance day by day, as of a day, as known at a moment; `until` is the last day that draws.

    `usedUpSince` is the day at whose end nothing was left of it, and is not since (absent: something is left, nothing
    was put on it yet, or it is longer ago than the days that are listed).
    """

    kind: CreditKind
    amount: Decimal
    top_ups: Decimal
    spent: Decimal
    remaining: Decimal
    rolled_over: Decimal
    lapsed: Decimal
    until: date | None = None
    used_up_since: date | None = None
    products: tuple[ProductShown, ...]
    earlier_days: int
    days: tuple[BurnedDayShown, ...]
    marks: tuple[MarkShown, ...]
    forecasts: tuple[BurnDownForecast, ...]


class CountedDayShown(Shown):
    """What had counted toward the period at the end of a day."""

    day: date
    counted: Decimal


class CountedToBeShown(CountedDayShown):
    """What will have counted at the end of a day, and its band."""

    low: Decimal
    high: Decimal


class TrueUpForecastShown(Paced):
    """When what is owed is reached (absent: it is not), what will have counted at the end, and the true-up."""

    reached: date | None = None
    counted: Decimal
    low: Decimal
    high: Decimal
    true_up: Decimal
    true_up_low: Decimal
    true_up_high: Decimal
    points: tuple[CountedToBeShown, ...]


class ProgressAnswer(_Outlook):
    """A commitment period of a MINIMUM day by day, as of a day, as known at a moment; an empty term has none."""

    kind: Literal["MINIMUM"]
    period: Period | None = None
    days: tuple[CountedDayShown, ...]
    forecasts: tuple[TrueUpForecastShown, ...]
