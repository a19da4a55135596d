"""Filters of the list paths: a query parameter, and what it asks of a resource. How a store looks for it is its own."""

from dataclasses import dataclass
from typing import Literal

Comparison = Literal["=", ">=", "<"]


@dataclass(frozen=True, slots=True)
class HasId:
    """Its id is one of these texts."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The body's field is this text."""

    field: str


@dataclass(frozen=True, slots=True)
class HasCode:
    """Its code is one of these texts."""


@dataclass(frozen=True, slots=True)
class OfAccount:
    """It belongs to the account with this id."""


@dataclass(frozen=True, slots=True)
class NamesOneOf:
    """The body's field, a reference, names one of these ids."""

    field: str


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The body's field is one of these texts."""

    field: str


@dataclass(frozen=True, slots=True)
class EqualsOrLacks:
    """As `Equals`; an empty text asks for those without the field."""

    field: str


@dataclass(frozen=True, slots=True)
class OnDay:
    """The day that the body's date or date-time names, compared with this day."""

    field: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class IsActive:
    """Valid on this day: `[startDate, endDate)`, open without an end."""


@dataclass(frozen=True, slots=True)
class DrawsFor:
    """May draw for this product: names it, or names none and so takes all."""


@dataclass(frozen=True, slots=True)
class OfPicklist:
    """It is not archived; true asks for those that are, too."""


@dataclass(frozen=True, slots=True)
class IsSwitched:
    """The body's field, which is on unless it says no, is this."""

    field: str


@dataclass(frozen=True, slots=True)
class Through:
    """The body's field names a resource of another kind that passes the test."""

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
    """`takes` says how the parameter is read: one text, a day, a flag, or several texts (comma-joined or repeated)."""

    parameter: str
    #: What must hold with the parameter's value; a flag asks nothing itself.
    test: Test | None
    takes: Literal["text", "day", "texts", "flag"] = "text"
    #: Another parameter that must come with it.
    needs: str | None = None
    #: Another parameter that a flag, when it is true, takes out of force.
    lifts: str | None = None


def equals(field: str, parameter: str | None = None) -> Filter:
    """By the field's text."""
    return Filter(parameter or field, Equals(field))


def one_of(field: str, parameter: str | None = None) -> Filter:
    """By several texts of the field."""
    return Filter(parameter or field, IsOneOf(field), "texts")


def of_account(parameter: str = "accountId") -> Filter:
    """By the account that it belongs to."""
    return Filter(parameter, OfAccount())


def names_one_of(field: str) -> Filter:
    """By several ids that a reference may name."""
    return Filter(field, NamesOneOf(field), "texts")


def unlinked_or_equals(field: str, parameter: str | None = None) -> Filter:
    """By the field's text, or for those without it."""
    return Filter(parameter or field, EqualsOrLacks(field))


def by_day(parameter: str, field: str, comparison: Comparison, needs: str | None = None) -> Filter:
    """By the field's day."""
    return Filter(parameter, OnDay(field, comparison), "day", needs)


IDS = Filter("ids", HasId(), "texts")
CODES = Filter("codes", HasCode(), "texts")
ACTIVE = Filter("date", IsActive(), "day")
#: Of all dates, whatever day is asked for.
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
