"""Rules of credit and debit line items, which are put on a pending bill by hand."""

from events.resources.charges import Memo
from projections.calendar import named_days
from services.commands.checks import check_precision
from services.commands.errors import InvalidField


def check_memo(body: Memo, currency: str, zone: str) -> None:
    """Its amount can be paid in the bill's currency, and its service has a day in the account's zone.

    Raises: TooFineAmount, InvalidField.
    """
    check_precision("amount", body.amount, currency)
    start, end = named_days(body.service_period_start_date, body.service_period_end_date, zone)
    if end is None or end <= start:
        raise InvalidField(field="servicePeriodEndDate", rule="must be after servicePeriodStartDate")
