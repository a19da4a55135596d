"""The bills that a request is about: parameters, m3ter's search grammar, and the SQL conditions of both on rows of
table `bills`.
"""

from typing import Any, get_args

from events.facts.bills import BillIssued
from services.api.parameters import FLAG, Choice, Day, Flag, Reader, Text, Texts, choice_rule
from services.api.search import Searching, compared, only_equal
from services.commands.refused import InvalidField
from services.readside import bill_rows as rows
from services.readside.bill_rows import AS_TEXT, IS_ONE_OF
from services.store.listing import SqlCondition

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


_SORTED_ONLY = {"billTotal": "total", "currency": "currency"}


#: Fields with few values; any other value matches nothing.
_CHOICES = {"status": STATUSES, "billingFrequency": FREQUENCIES, "locked": FLAG}


class BillSearch(Searching):
    """Finds bills by the content of their rows and documents; all but `ids` is compared as text."""

    fields = tuple(AS_TEXT)

    def test(self, name: str, comparator: str, value: str) -> SqlCondition:
        if name == "ids":
            only_equal(name, comparator)
            return SqlCondition(IS_ONE_OF, value.split(","))
        if comparator == ":" and value not in _CHOICES.get(name, (value,)):
            raise InvalidField(field="searchQuery", rule=f"{name} {choice_rule(_CHOICES[name])}")
        return compared(name, AS_TEXT[name], comparator, value)

    def order(self, name: str | None) -> str:
        column = (AS_TEXT | _SORTED_ONLY).get(name) if name else "position"
        if column is None:
            raise InvalidField(field="sortBy", rule=f"must be one of {', '.join(AS_TEXT | _SORTED_ONLY)}")
        return column
