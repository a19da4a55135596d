"""What search can sort by: fields that hold one plain value; numbers as numbers, all else as text."""

import pytest

from services.api.search import _order
from services.commands.refused import InvalidField
from services.commands.table import KINDS


@pytest.mark.parametrize(
    ("kind", "field", "order"),
    [
        ("commitment", "amount", "(e.body->>'amount')::numeric"),
        ("commitment", "commitmentPeriodInterval", "(e.body->>'commitmentPeriodInterval')::numeric"),
        ("commitment", "startDate", "e.start_date"),
        ("commitment", "commitmentType", "e.body->>'commitmentType'"),
        ("commitment", "prorate", "e.body->>'prorate'"),
        ("account", "emailAddress", "e.body->>'emailAddress'"),
        ("account", "dtCreated", "to_char(e.created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
    ],
)
def test_a_field_is_sorted_by_what_it_holds(kind: str, field: str, order: str) -> None:
    assert _order(KINDS[kind], field) == order


@pytest.mark.parametrize(("kind", "field"), [("account", "customFields"), ("commitment", "lineItemTypes")])
def test_a_field_of_many_values_has_no_order(kind: str, field: str) -> None:
    with pytest.raises(InvalidField, match=f"sortBy: {field} has no order"):
        _order(KINDS[kind], field)
