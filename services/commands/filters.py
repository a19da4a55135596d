"""Filters of the list paths: a query parameter, and its condition on a resource. Each store evaluates them in its own
way.
"""

from dataclasses import dataclass
from typing import Literal

Comparison = Literal["=", ">=", "<"]


@dataclass(frozen=True, slots=True)
class HasId:
    """The resource's id is one of these texts."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The body's field equals this text."""

    field: str


@dataclass(frozen=True, slots=True)
class HasCode:
    """The resource's code is one of these texts."""


@dataclass(frozen=True, slots=True)
class OfAccount:
    """The resource belongs to the account with this id."""


@dataclass(frozen=True, slots=True)
class NamesOneOf:
    """The body's field, a reference, has one of these ids."""

    field: str


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The body's field is one of these texts."""

    field: str


@dataclass(frozen=True, slots=True)
class EqualsOrLacks:
    """As `Equals`; an empty text matches resources without the field."""

    field: str


@dataclass(frozen=True, slots=True)
class OnDay:
    """The day of the body's date or date-time, compared with this day."""

    field: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class IsActive:
    """Valid on this day: `[startDate, endDate)`, open without an end."""


@dataclass(frozen=True, slots=True)
class DrawsFor:
    """May draw for this product: it names the product, or names none and so draws for all."""


@dataclass(frozen=True, slots=True)
class OfPicklist:
    """Not archived; true includes archived entries."""


@dataclass(frozen=True, slots=True)
class IsSwitched:
    """The body's field, true by default, has this value."""

    field: str


@dataclass(frozen=True, slots=True)
class Through:
    """The resource of another kind in the body's field passes the test."""

    field: str
    kind: str
    test: "Test"


Test = (
    HasId
    | HasCode
    | OfAccount
    | NamesOneOf
    | Equals
    | IsOneOf
    | EqualsOrLacks
    | OnDay
    | IsActive
    | DrawsFor
    | OfPicklist
    | IsSwitched
    | Through
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter. `takes` is the parameter's type: one text, a day, a flag, or several texts (comma-joined or
    repeated).
    """

    parameter: str
    #: The condition on the parameter's value; a flag has no condition of its own.
    test: Test | None
    takes: Literal["text", "day", "texts", "flag"] = "text"
    #: Another parameter that must be sent with this one.
    needs: str | None = None
    #: Another parameter that a true flag disables.
    lifts: str | None = None


def equals(field: str, parameter: str | None = None) -> Filter:
    """Filter by the field's text."""
    return Filter(parameter or field, Equals(field))


def one_of(field: str, parameter: str | None = None) -> Filter:
    """Filter by several texts of the field."""
    return Filter(parameter or field, IsOneOf(field), "texts")


def of_account(parameter: str = "accountId") -> Filter:
    """Filter by the account."""
    return Filter(parameter, OfAccount())


def names_one_of(field: str) -> Filter:
    """Filter by several ids of a reference."""
    return Filter(field, NamesOneOf(field), "texts")


def unlinked_or_equals(field: str, parameter: str | None = None) -> Filter:
    """Filter by the field's text, or by its absence."""
    return Filter(parameter or field, EqualsOrLacks(field))


def by_day(parameter: str, field: str, comparison: Comparison, needs: str | None = None) -> Filter:
    """Filter by the field's day."""
    return Filter(parameter, OnDay(field, comparison), "day", needs)


IDS = Filter("ids", HasId(), "texts")
CODES = Filter("codes", HasCode(), "texts")
ACTIVE = Filter("date", IsActive(), "day")
#: Matches all dates, whatever day is asked for.
INCLUDE_ALL = Filter("includeall", None, "flag", lifts="date")
ARCHIVED = Filter("archived", OfPicklist(), "flag")
DRAWS_FOR_PRODUCT = Filter("productId", DrawsFor())
PRODUCT_OF_PLAN = Filter("productId", Through("planTemplateId", "planTemplate", Equals("productId")))
PRODUCTS_OF_METER = Filter("productId", Through("meterId", "meter", IsOneOf("productId")), "texts")
PRODUCT_OF_ACCOUNT_PLAN = Filter(
    "product", Through("planId", "plan", Through("planTemplateId", "planTemplate", Equals("productId")))
)
TERM_ENDS = (by_day("endDateStart", "endDate", ">="), by_day("endDateEnd", "endDate", "<"))
COMMITMENT_ENDS = (
    by_day("endDateStart", "endDate", ">=", needs="accountId"),
    by_day("endDateEnd", "endDate", "<", needs="accountId"),
)
PLAN_OR_TEMPLATE = (equals("planId"), equals("planTemplateId"))
CONTRACT_OR_NONE = (unlinked_or_equals("contractId"), unlinked_or_equals("contractId", "contract"))
_SWITCHED = Filter("active", IsSwitched("active"), "flag")
WEBHOOKS = (IDS, CODES, _SWITCHED)
RULES = (IDS, CODES, _SWITCHED, equals("eventName"), equals("accountId"))
AUTOMATIC = (IDS, CODES, _SWITCHED, equals("accountId"))
TOP_UPS = (*AUTOMATIC, equals("commitmentId"), equals("balanceId"))
