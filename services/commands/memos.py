"""Rules of credit and debit line items, which are put on a pending bill by hand."""

from events.resources.memos import Memo
from services.commands.checks import check_precision, check_term


def check_memo(body: Memo, currency: str, zone: str) -> None:
    """Its amount can be paid in the bill's currency, and its service does not end before it starts.

    Raises: TooFineAmount, InvalidField.
    """
    check_precision("amount", body.amount, currency)
    names = ("servicePeriodStartDate", "servicePeriodEndDate")
    check_term(body.service_period_start_date, body.service_period_end_date, zone, names)
