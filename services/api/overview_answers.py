"""Answers about a whole organization: what is to be expected, what waits for somebody, what was proved."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from events.resources.organization import CreditKind
from services.api.shown import Shown


class ExpectedShown(Shown):
    """By the usage of the last days: `day` is when it runs out, or a minimum is reached (absent: not by `until`, or
    nothing is left of it now).

    `atStake` will find nothing left, or be trued up; `lapses` will be paid for and not used.
    """

    per_day: Decimal
    day: date | None = None
    at_stake: Decimal
    lapses: Decimal


class ExpectedByWindow(ExpectedShown):
    """The same by the usage of the last `window` days."""

    window: int


class OutlookShown(ExpectedShown):
    """A commitment or balance in its term, and what is to be expected of it: by the window that was asked for, and by
    each (`expected`)."""

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
    """How many there are, their sum, and the first of them, the most money first."""

    count: int
    amount: Decimal
    first: tuple[OutlookShown, ...]


class TrueUpsOfMonth(Shown):
    """The true-ups to expect of periods that end in a month."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-03"])
    amount: Decimal
    minimums: int


class ExpectedOfCurrency(Shown):
    """What is to be expected in one currency."""

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
    """What the last pass over the whole installation found; `unexplained` money is an error of ours."""

    by: Literal["audit", "conservation"]
    ended: datetime
    holds: bool
    unexplained: Decimal


class OverviewAnswer(Shown):
    """An organization at a glance.

    `familiesWaiting` are those whose rows are older than their log, by reason; `behind` is how many events and records
    others are behind, for all organizations together (absent: it cannot be known now).
    """

    window: int
    currencies: tuple[ExpectedOfCurrency, ...]
    pending: tuple[PendingOfCurrency, ...]
    refused: RefusedShown
    proved: tuple[ProvedShown, ...]
    families_waiting: dict[str, int]
    behind: dict[str, int] | None = None
