"""Which bills a request is about: conditions on rows of table `bills`, by their parameters."""

from typing import Any, get_args

from events.facts.bills import BillIssued
from services.api.parameters import Choice, Day, Flag, Reader, Text, Texts

STATUSES = ("PENDING", "APPROVED")
FREQUENCIES = get_args(BillIssued.model_fields["billing_frequency"].annotation)

#: The external invoice date: as it was issued with, which before version 3 of the fact was the bill's date; a pending
#: bill's as it would be issued. $1 is the organization, as in every question about bills.
INVOICED = """
coalesce((bill->>'externalInvoiceDate')::date, bill_date - CASE WHEN status = 'PENDING' AND (
    SELECT body->>'externalInvoiceDate' FROM store.entities
    WHERE organization = $1 AND kind = 'organizationConfig' AND id = $1
) = 'LAST_DAY_OF_ARREARS' THEN 1 ELSE 0 END)
"""
#: By itself, or as all are that are issued for a date up to the organization's lock date.
LOCKED = """
(locked OR status = 'APPROVED' AND bill_date <= coalesce(
    (SELECT (body->>'billLockDate')::date FROM store.entities WHERE organization = $1 AND kind = 'billConfig'),
    '-infinity'::date
))
"""
INVOICED_RANGE: dict[Reader[Any], str] = {
    Day("externalInvoiceDateStart"): f"{INVOICED} >= {{}}",
    Day("externalInvoiceDateEnd"): f"{INVOICED} < {{}}",
}
#: What is on a pending bill is derived when it is read, and its frequency with it.
OF_FREQUENCY = "(status = 'PENDING' OR bill->>'billingFrequency' = {})"
FILTERS: dict[Reader[Any], str] = {
    Text("accountId"): "account_id = {}",
    Day("billDate"): "bill_date = {}",
    Day("billDateStart"): "bill_date >= {}",
    Day("billDateEnd"): "bill_date < {}",
    Choice("billingFrequency", FREQUENCIES): OF_FREQUENCY,
    Text("billJobId"): "bill->>'billJobId' = {}",
    **INVOICED_RANGE,
    Texts("ids"): "bill_id = ANY ({})",
    Flag("locked"): f"{LOCKED} = {{}}",
    Choice("status", STATUSES): "status = {}",
}
