"""Filters of the list paths: a query parameter and the condition on `store.entities e` that it stands for.

In a condition `{}` is the placeholder of the parsed value. Days are compared as text `YYYY-MM-DD`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Filter:
    """`takes` says how the parameter is read: one text, a day, a flag, or several texts (comma-joined or repeated)."""

    parameter: str
    condition: str
    takes: Literal["text", "day", "texts", "flag"] = "text"
    #: Another parameter that must come with it.
    needs: str | None = None
    #: Another parameter that a flag, when it is true, takes out of force; a flag has no condition of its own.
    lifts: str | None = None


def equals(field: str, parameter: str | None = None) -> Filter:
    """The body's field is this text."""
    return Filter(parameter or field, f"e.body->>'{field}' = {{}}")


def one_of(field: str, parameter: str | None = None) -> Filter:
    """The body's field is one of these texts."""
    return Filter(parameter or field, f"e.body->>'{field}' = ANY({{}})", "texts")


def unlinked_or_equals(field: str, parameter: str | None = None) -> Filter:
    """As `equals`; an empty text asks for those without the field."""
    return Filter(parameter or field, f"coalesce(e.body->>'{field}', '') = {{}}")


def _day(field: str) -> str:
    """The day that the body's date or date-time names, as `projections.calendar.named_day` has it."""
    text = f"(e.body->>'{field}')"
    there = f"{text}::timestamptz AT TIME ZONE coalesce(e.timezone, 'UTC')"
    named = f"length({text}) = 10 OR {text} LIKE '%T00:00:00Z'"
    return f"CASE WHEN {named} THEN left({text}, 10) ELSE to_char({there}, 'YYYY-MM-DD') END"


def by_day(parameter: str, field: str, comparison: Literal["=", ">=", "<"], needs: str | None = None) -> Filter:
    """The field's day compared with this day."""
    return Filter(parameter, f"{_day(field)} {comparison} {{}}", "day", needs)


def through(field: str, kind: str, condition: str, parameter: str, takes: Literal["text", "texts"] = "text") -> Filter:
    """The field names an entity `r` of another kind that fulfils the condition."""
    return Filter(parameter, f"{_named(field, kind)} AND {condition})", takes)


def _named(field: str, kind: str, outer: str = "e", inner: str = "r") -> str:
    return (
        f"EXISTS (SELECT FROM store.entities {inner} WHERE {inner}.organization = {outer}.organization"
        f" AND {inner}.kind = '{kind}' AND {inner}.id = {outer}.body->>'{field}'"
    )


IDS = Filter("ids", "e.id = ANY({})", "texts")
CODES = one_of("code", "codes")
#: Valid on a day: `[startDate, endDate)`, open without an end.
ACTIVE = Filter(
    "date",
    f"{_day('startDate')} <= {{0}} AND (e.body->>'endDate' IS NULL OR {_day('endDate')} > {{0}})",
    "day",
)
#: Of all dates, whatever day is asked for.
INCLUDE_ALL = Filter("includeall", "", "flag", lifts="date")
#: May draw for a product: names it, or names none and so takes all.
DRAWS_FOR_PRODUCT = Filter("productId", "(coalesce(e.body->'productIds', '[]') = '[]' OR e.body->'productIds' ? {})")
PRODUCT_OF_PLAN = through("planTemplateId", "planTemplate", "r.body->>'productId' = {}", "productId")
PRODUCTS_OF_METER = through("meterId", "meter", "r.body->>'productId' = ANY({})", "productId", "texts")
PRODUCT_OF_ACCOUNT_PLAN = through(
    "planId", "plan", _named("planTemplateId", "planTemplate", "r", "t") + " AND t.body->>'productId' = {})", "product"
)
