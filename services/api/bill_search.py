"""m3ter's search grammar for bills: conditions on rows of table `bills`."""

from events.actors import UNNAMED
from services.api.bill_filters import FREQUENCIES, INVOICED, LOCKED, STATUSES
from services.api.parameters import FLAG, choice_rule
from services.api.search import Searching, compared, only_equal
from services.commands.errors import InvalidField
from services.store.listing import Condition

_CREATED = "to_char(coalesce(opened_at, issued_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
#: What may be searched and sorted by. All are texts: days and instants sort as their texts do.
_FIELDS = {
    "accountId": "account_id",
    "locked": f"{LOCKED}::text",
    "status": "status",
    "billDate": "bill_date::text",
    "startDate": "bill->>'startDate'",
    "endDate": "bill->>'endDate'",
    "dueDate": "bill->>'dueDate'",
    "externalInvoiceDate": f"({INVOICED})::text",
    "billingFrequency": "bill->>'billingFrequency'",
    "id": "bill_id",
    "ids": "bill_id",
    "createdBy": f"coalesce(created_by, '{UNNAMED}')",
    "lastModifiedBy": f"coalesce(modified_by, '{UNNAMED}')",
    "dtCreated": _CREATED,
}
_SORTED_ONLY = {"billTotal": "total", "currency": "currency"}


#: Fields that have few values: nothing equals another.
_CHOICES = {"status": STATUSES, "billingFrequency": FREQUENCIES, "locked": FLAG}


class BillSearch(Searching):
    """Finds bills by what their rows and documents hold; all but `ids` is compared as text."""

    fields = tuple(_FIELDS)

    def test(self, name: str, comparator: str, value: str) -> Condition:
        if name == "ids":
            only_equal(name, comparator)
            return Condition("bill_id = ANY({})", value.split(","))
        if comparator == ":" and value not in _CHOICES.get(name, (value,)):
            raise InvalidField(field="searchQuery", rule=f"{name} {choice_rule(_CHOICES[name])}")
        return compared(name, _FIELDS[name], comparator, value)

    def order(self, name: str | None) -> str:
        found = (_FIELDS | _SORTED_ONLY).get(name) if name else "position"
        if found is None:
            raise InvalidField(field="sortBy", rule=f"must be one of {', '.join(_FIELDS | _SORTED_ONLY)}")
        return found
