"""Answers about usage that was corrected by its id."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from services.api.shown import Shown
from services.api.what_if import ComparedBillShown


class UsageFieldsShown(Shown):
    """What an event of usage says; numbers of all categories are in `measure`."""

    measure: dict[str, Decimal] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None


class CorrectedUsage(Shown):
    """An event of usage, where it is in the log (`partition`, `offset` of `billing.events`), and what holds for it.

    `was` is what stood under it until the correction, `now` what an amended one has; COUNTED: it came as it is to be.
    """

    event_id: str
    account_id: str
    source: str
    id: str
    meter_id: str
    ts: datetime
    partition: int
    offset: int
    status: Literal["VOIDED", "AMENDED", "COUNTED"]
    was: UsageFieldsShown
    now: UsageFieldsShown | None = None
    reason: str | None = None
    correction_id: str | None = None
    dt_created: datetime | None = None
    created_by: str | None = None


class CorrectingUsage(CorrectedUsage):
    """The same. Of a dry run, which changes nothing, it is what would hold, with what that does in money; what holds
    already has a `correctionId`, or is COUNTED.
    """

    dry_run: Literal[True] | None = None
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None


class VoidedDay(Shown):
    """How many of the events are of a day of the account's zone."""

    day: date
    count: int


class VoidedOfAccount(Shown):
    """How many events of an account were voided, or would be, by day.

    Of a dry run `bills` says what a run for `billDate` would bill, as things are and without the events: the account,
    and others of its family whose bills move with its usage.
    """

    account_id: str
    count: int
    days: tuple[VoidedDay, ...]
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None


class VoidedMatching(Shown):
    """The same of one account, or in `accounts` of several. `more`: there are others like them; ask again."""

    account_id: str | None = None
    count: int
    days: tuple[VoidedDay, ...] | None = None
    more: bool
    dry_run: bool
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None
    accounts: tuple[VoidedOfAccount, ...] | None = None
