"""Answers about the future: burn-downs, the progress of minimums, forecasts (rules 11)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from events.resources.organization import CreditKind
from projections.outlook.burndown import MarkKind
from projections.settlement.states import Status
from services.api.insight_answers import PositionsShown
from services.api.shown import Period, Shown


class ProductShown(Shown):
    """A product whose charges drew."""

    id: str
    code: str
    name: str


class ProductDrawnShown(Shown):
    """The amount that a product's charges drew on a day; negative if other charges have drawn in their place since."""

    product_id: str
    amount: Decimal


class BurnedDayShown(Shown):
    """The state at the end of a day: `added` is the sum of `drawn`, `left` and `lapsed`; `ahead` was paid in for later
    days.
    """

    day: date
    added: Decimal
    drawn: Decimal
    left: Decimal
    lapsed: Decimal
    ahead: Decimal
    products: tuple[ProductDrawnShown, ...]


class MarkShown(Shown):
    """An event on a day; `amount`: the amount that was paid in or, if negative, taken off."""

    day: date
    kind: MarkKind
    amount: Decimal | None = None


class LeftToBe(Shown):
    """The amount that will be left at the end of a day, and its band."""

    day: date
    left: Decimal
    low: Decimal
    high: Decimal


class Paced(Shown):
    """A forecast by the usage of the last `window` days, of which `days` lie in the term: the mean and the deviation of
    a day.
    """

    window: int
    days: int
    per_day: Decimal
    deviation: Decimal
    earliest: date | None = None
    latest: date | None = None


class BurnDownForecast(Paced):
    """The day on which it runs out (absent if something is left at the end, or nothing is left now), its earliest and
    latest day within the band, and the amount that is left at the end.

    `uncovered`: usage to come that will find nothing left; `lapses`: the amount that will be left and not roll over.
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

    `usedUpSince`: the day at whose end nothing was left, nor on any day since (absent if something is left, nothing was
    ever put on it, or that day is before the listed days).
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
    """The amount that had counted toward the period at the end of a day."""

    day: date
    counted: Decimal


class CountedToBeShown(CountedDayShown):
    """The amount that will have counted at the end of a day, and its band."""

    low: Decimal
    high: Decimal


class TrueUpForecastShown(Paced):
    """The day on which the owed amount is reached (absent if it is not), the amount that will have counted at the end,
    and the true-up.
    """

    reached: date | None = None
    counted: Decimal
    low: Decimal
    high: Decimal
    true_up: Decimal
    true_up_low: Decimal
    true_up_high: Decimal
    points: tuple[CountedToBeShown, ...]


class ProgressAnswer(_Outlook):
    """A commitment period of a MINIMUM day by day, as of a day, as known at a moment. An empty term has no period."""

    kind: Literal["MINIMUM"]
    period: Period | None = None
    days: tuple[CountedDayShown, ...]
    forecasts: tuple[TrueUpForecastShown, ...]
