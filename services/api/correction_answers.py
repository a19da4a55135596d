"""Answers about corrections of usage: by id, and of matching events."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from services.api.shown import Shown
from services.api.what_if import ComparedBillShown


class UsageFieldsShown(Shown):
    """The fields of a usage event; `measure` holds the numbers of all categories."""

    measure: dict[str, Decimal] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None


class CorrectedUsage(Shown):
    """A usage event, its place in the log (`partition` and `offset` of `billing.events`), and its state.

    `was` has its fields before the correction, `now` those of an amended event. COUNTED: the event already had the
    wanted fields, so nothing was corrected.
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
    """The result of a correction. For a dry run, which changes nothing, the result that it would have, and its effect
    on bills. An event that was corrected like this before has a `correctionId`, or is COUNTED.
    """

    dry_run: Literal[True] | None = None
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None


class VoidedDay(Shown):
    """The number of the events on a day of the account's zone."""

    day: date
    count: int


class VoidedOfAccount(Shown):
    """The number of an account's events that were voided, or would be, by day.

    For a dry run, `bills` compares what a run for `billDate` would bill with and without these events: for the account,
    and for others of its family whose bills change with its usage.
    """

    account_id: str
    count: int
    days: tuple[VoidedDay, ...]
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None


class VoidedMatching(Shown):
    """The number of voided events of one account, or in `accounts` of several. `more`: there are further such events;
    repeat the request.
    """

    account_id: str | None = None
    count: int
    days: tuple[VoidedDay, ...] | None = None
    more: bool
    dry_run: bool
    bill_date: date | None = None
    bills: tuple[ComparedBillShown, ...] | None = None
    accounts: tuple[VoidedOfAccount, ...] | None = None
