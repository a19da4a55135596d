"""The filters of lists as conditions on rows of `store.entities`. Days are compared as text `YYYY-MM-DD`."""

from typing import Any, assert_never

from services.commands.filters import (
    DrawsFor,
    Equals,
    EqualsOrLacks,
    HasId,
    IsActive,
    IsOneOf,
    OfPicklist,
    OnDay,
    Test,
    Through,
)
from services.store.listing import Condition


def condition_of(test: Test, value: Any) -> Condition:
    """The condition that a row `e` fulfils if it passes the test with this value."""
    return Condition(_sql(test, "e"), value)


def _sql(test: Test, row: str) -> str:
    """SQL on a row of this name; `{0}` is the placeholder of the value."""
    match test:
        case HasId():
            sql = f"{row}.id = ANY({{0}})"
        case Equals(field):
            sql = f"{row}.body->>'{field}' = {{0}}"
        case IsOneOf(field):
            sql = f"{row}.body->>'{field}' = ANY({{0}})"
        case EqualsOrLacks(field):
            sql = f"coalesce({row}.body->>'{field}', '') = {{0}}"
        case OnDay(field, comparison):
            sql = f"{_day(row, field)} {comparison} {{0}}"
        case IsActive():
            ends = f"({row}.body->>'endDate' IS NULL OR {_day(row, 'endDate')} > {{0}})"
            sql = f"{_day(row, 'startDate')} <= {{0}} AND {ends}"
        case DrawsFor():
            names = f"{row}.body->'productIds'"
            sql = f"(coalesce({names}, '[]') = '[]' OR {names} ? {{0}})"
        case OfPicklist():
            sql = f"({{0}}::boolean OR {row}.body->>'archived' IS DISTINCT FROM 'true')"
        case Through(field, kind, of_named):
            named = f"{row}_named"
            sql = (
                f"EXISTS (SELECT FROM store.entities {named} WHERE {named}.organization = {row}.organization"
                f" AND {named}.kind = '{kind}' AND {named}.id = {row}.body->>'{field}' AND {_sql(of_named, named)})"
            )
        case _:
            assert_never(test)
    return sql


def _day(row: str, field: str) -> str:
    """The day that the body's date or date-time names, as `projections.calendar.named_day` has it."""
    text = f"({row}.body->>'{field}')"
    there = f"{text}::timestamptz AT TIME ZONE coalesce({row}.timezone, 'UTC')"
    named = f"length({text}) = 10 OR {text} LIKE '%T00:00:00Z'"
    return f"CASE WHEN {named} THEN left({text}, 10) ELSE to_char({there}, 'YYYY-MM-DD') END"
