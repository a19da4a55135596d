"""Answers about a whole organization: forecasts, work that waits for somebody, and the last proofs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from events.resources.organization import CreditKind
from services.api.shown import Shown


class ExpectedShown(Shown):
    """A forecast by the usage of the last days: `day` is when it runs out, or a minimum is reached (absent if neither
    happens by `until`, or nothing is left of it now).

    `atStake`: usage that will find nothing left, or the true-up; `lapses`: what will be paid for and not used.
    """

    per_day: Decimal
    day: date | None = None
    at_stake: Decimal
    lapses: Decimal


class ExpectedByWindow(ExpectedShown):
    """A forecast by the usage of the last `window` days."""

    window: int


class OutlookShown(ExpectedShown):
    """A commitment or balance in its term with its forecasts: by the requested window, and in `expected` by each."""

    id: str
    kind: CreditKind | Literal["MINIMUM"]
    code: str | None = None
    name: str | None = None
    account_id: str
    account_code: str | None = None
    account_name: str | None = None
    currency: str
    as_of: date
    until: date
    remaining: Decimal
    expected: tuple[ExpectedByWindow, ...]


class OutlooksShown(Shown):
    """The commitments and balances of an account that are in their terms, the most money at stake first."""

    window: int
    data: tuple[OutlookShown, ...]


class ListedOutlooks(Shown):
    """Their number, their sum, and the first of them, the most money first."""

    count: int
    amount: Decimal
    first: tuple[OutlookShown, ...]


class TrueUpsOfMonth(Shown):
    """The expected true-ups of periods that end in a month."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-03"])
    amount: Decimal
    minimums: int


class ExpectedOfCurrency(Shown):
    """Forecasts in one currency."""

    currency: str
    as_of: date
    at_stake: ListedOutlooks
    lapsing: ListedOutlooks
    true_ups: tuple[TrueUpsOfMonth, ...]


class PendingOfCurrency(Shown):
    """Bills that wait for approval."""

    currency: str
    bills: int


class RefusedShown(Shown):
    """Refused usage that was not sent again since."""

    count: int
    reasons: dict[str, int]


class ProvedShown(Shown):
    """The result of the last pass over the whole installation; `unexplained` money is an error of Trueup."""

    by: Literal["audit", "conservation"]
    ended: datetime
    holds: bool
    unexplained: Decimal


class OverviewAnswer(Shown):
    """An organization at a glance.

    `familiesWaiting`: the number of families whose rows are older than their log, by reason; `behind`: how many events
    and records other processes are behind, for all organizations together (absent if that cannot be known now).
    """

    window: int
    currencies: tuple[ExpectedOfCurrency, ...]
    pending: tuple[PendingOfCurrency, ...]
    refused: RefusedShown
    proved: tuple[ProvedShown, ...]
    families_waiting: dict[str, int]
    behind: dict[str, int] | None = None
