"""Rules of commands on bills: the lock date (bills issued for this date or earlier are locked), and credit and debit
line items (memos), which are put on a pending bill by hand.
"""

from datetime import date
from typing import Any

from events.resources.charges import Memo
from events.resources.organization import BillConfig
from projections.entities import Entity
from services.commands.checks import check_precision, check_term
from services.commands.refused import CommandError, InvalidField


class BillsPending(CommandError):
    """billLockDate: {count} bills up to {date} are pending, {id} the first of them; approve or delete them before"""


def check_lock_date(body: BillConfig, current: Entity[Any] | None) -> None:
    """Check that locked bills stay locked. Raises: InvalidField for an earlier date, or if the date is removed."""
    locked: date | None = None if current is None else current.body.bill_lock_date
    if locked is not None and (body.bill_lock_date is None or body.bill_lock_date < locked):
        raise InvalidField(field="billLockDate", rule=f"must not be before {locked}, up to which bills are locked")


def is_locked(bill_date: date, lock_date: date | None) -> bool:
    """Whether an issued bill of this date is locked by the organization's lock date."""
    return lock_date is not None and bill_date <= lock_date


def check_memo(body: Memo, currency: str, zone: str) -> None:
    """Check that the amount is payable in the bill's currency, and that the service does not end before it starts.

    Raises: TooFineAmount, InvalidField.
    """
    check_precision("amount", body.amount, currency)
    names = ("servicePeriodStartDate", "servicePeriodEndDate")
    check_term(body.service_period_start_date, body.service_period_end_date, zone, names)
