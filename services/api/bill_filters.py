"""Which bills a request is about: parameters, and the conditions on rows of table `bills` that they stand for."""

from typing import Any, get_args

from events.facts.bills import BillIssued
from services.api.parameters import Choice, Day, Flag, Reader, Text, Texts
from services.readside import table_rows as rows

STATUSES = ("PENDING", "APPROVED")
FREQUENCIES = get_args(BillIssued.model_fields["billing_frequency"].annotation)

INVOICED_RANGE: dict[Reader[Any], str] = {
    Day("externalInvoiceDateStart"): rows.INVOICED_FROM,
    Day("externalInvoiceDateEnd"): rows.INVOICED_BEFORE,
}
FILTERS: dict[Reader[Any], str] = {
    Text("accountId"): rows.IS_OF_ACCOUNT,
    Day("billDate"): rows.IS_DATED,
    Day("billDateStart"): rows.DATED_FROM,
    Day("billDateEnd"): rows.DATED_BEFORE,
    Choice("billingFrequency", FREQUENCIES): rows.OF_FREQUENCY,
    Text("billJobId"): rows.IS_OF_JOB,
    **INVOICED_RANGE,
    Texts("ids"): rows.IS_ONE_OF,
    Flag("locked"): rows.IS_UNLOCKED_UNLESS,
    Choice("status", STATUSES): rows.HAS_STATUS,
}
