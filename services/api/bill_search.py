"""m3ter's search grammar for bills: conditions on rows of table `bills`."""

from typing import get_args

from starlette.requests import Request

from events.actors import UNNAMED
from events.facts.bills import BillIssued
from services.api.queries import FLAG, PAGE_SIZE_MAX, SEARCH_MAX, choice_rule, one, parameters_of, whole_number
from services.api.search import DEFAULT_SIZE, TERM, choice, compared
from services.commands.errors import InvalidField, shortened
from services.store.listing import Condition, Search

_CREATED = "to_char(coalesce(opened_at, issued_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
#: What may be searched and sorted by. All are texts: days and instants sort as their texts do.
_FIELDS = {
    "accountId": "account_id",
    "locked": "locked::text",
    "status": "status",
    "billDate": "bill_date::text",
    "startDate": "bill->>'startDate'",
    "endDate": "bill->>'endDate'",
    "dueDate": "bill->>'dueDate'",
    "billingFrequency": "bill->>'billingFrequency'",
    "id": "bill_id",
    "ids": "bill_id",
    "createdBy": f"coalesce(created_by, '{UNNAMED}')",
    "lastModifiedBy": f"coalesce(modified_by, '{UNNAMED}')",
    "dtCreated": _CREATED,
}
_SORTED_ONLY = {"billTotal": "total", "currency": "currency"}


STATUSES = ("PENDING", "APPROVED")
FREQUENCIES = get_args(BillIssued.model_fields["billing_frequency"].annotation)
#: Fields that have few values: nothing equals another.
_CHOICES = {"status": STATUSES, "billingFrequency": FREQUENCIES, "locked": FLAG}


def bill_search(request: Request) -> Search:
    """The search that a request asks for. Raises: InvalidField."""
    found = parameters_of(request)
    terms = [term for term in (one(found, "searchQuery", SEARCH_MAX) or "").split("$") if term]
    sorted_by = one(found, "sortBy")
    order = (_FIELDS | _SORTED_ONLY).get(sorted_by) if sorted_by else "position"
    if order is None:
        raise InvalidField(field="sortBy", rule=f"must be one of {', '.join(_FIELDS | _SORTED_ONLY)}")
    return Search(
        conditions=tuple(_condition(term) for term in terms),
        all_of=choice(found, "operator", ("AND", "OR")) == "AND",
        order=order,
        ascending=choice(found, "sortOrder", ("DESC", "ASC")) == "ASC",
        offset=whole_number(found, "fromDocument", 0, 0, 2**31 - 1),
        size=whole_number(found, "pageSize", DEFAULT_SIZE, 1, PAGE_SIZE_MAX),
    )


def _condition(term: str) -> Condition:
    parts = TERM.match(term)
    if parts is None or parts[1] not in _FIELDS:
        rule = f"each term must be one of {', '.join(_FIELDS)}, then one of > >= : < <= ~, then a value;"
        rule += f" not {shortened(term)!r}"
        raise InvalidField(field="searchQuery", rule=rule)
    name, comparator, text = parts.groups()
    if name == "ids":
        if comparator != ":":
            raise InvalidField(field="searchQuery", rule="ids can be compared with : only")
        return Condition("bill_id = ANY({})", text.split(","))
    if comparator == ":" and text not in _CHOICES.get(name, (text,)):
        raise InvalidField(field="searchQuery", rule=f"{name} {choice_rule(_CHOICES[name])}")
    return compared(name, _FIELDS[name], comparator, text)
