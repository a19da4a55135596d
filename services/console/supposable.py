"""The terms that a "what if" question may change: of commitments, balances, plans and prices, as fields of a form."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Sort = Literal["number", "date", "flag"]


class Term(NamedTuple):
    """A term that may be changed. `hint`: what its name does not tell."""

    name: str
    sort: Sort = "number"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SupposableKind:
    """A kind of resource whose terms may be changed: its path in the API, its list in the question's body, and the
    terms.
    """

    name: str
    path: str
    listed: str
    terms: tuple[Term, ...]


_EXCLUSIVE = "the first day that is not in it"
_DATES = (Term("startDate", "date"), Term("endDate", "date", _EXCLUSIVE))
_FEES = (
    Term("standingCharge", hint="for each billing period"),
    Term("standingChargeBillInAdvance", "flag"),
    Term("minimumSpend"),
    Term("minimumSpendBillInAdvance", "flag"),
)
#: In requests only: it is not a term of a stored resource.
_EFFECTIVE = Term("effectiveDate", "date", "charges change for billing periods that begin from this day on, else today")
KINDS = {
    kind.name: kind
    for kind in (
        SupposableKind(
            "commitment",
            "commitments",
            "commitments",
            (
                Term("amount"),
                *_DATES,
                Term("priority", hint="the lowest draws first; without one, after all that have one"),
                Term("overageSurchargePercent", hint="below 0 a discount"),
                Term("separateOverageUsage", "flag"),
                Term("amountPrePaid"),
                Term("amountFirstBill"),
                Term("rolloverPercent"),
                Term("rolloverAmount"),
                Term("rolloverEndDate", "date"),
                Term("commitmentPeriodInterval", hint="billing periods; blank for the whole term"),
                Term("prorate", "flag", "owes a partial period by its days"),
            ),
        ),
        SupposableKind(
            "balance",
            "balances",
            "balances",
            (*_DATES, Term("overageSurchargePercent"), Term("rolloverAmount"), Term("rolloverEndDate", "date")),
        ),
        SupposableKind("accountPlan", "accountplans", "accountPlans", (*_DATES, Term("billEpoch", "date"))),
        SupposableKind("plan", "plans", "plans", (*_FEES, _EFFECTIVE)),
        SupposableKind(
            "planTemplate",
            "plantemplates",
            "planTemplates",
            (*_FEES, Term("standingChargeInterval"), Term("standingChargeOffset"), _EFFECTIVE),
        ),
        SupposableKind("pricing", "pricings", "pricings", (*_DATES, Term("minimumSpend"))),
    )
}
#: Terms that only a minimum has, and terms that it shares with prepayments.
_OF_MINIMUM = ("commitmentPeriodInterval", "prorate")
_OF_BOTH = ("amount", "startDate", "endDate")
#: The bands of a price, by the beginning of their fields' names; and the members of a band.
BANDS = {"band": "pricingBands", "overageBand": "overagePricingBands"}
BAND = ("lowerLimit", "fixedPrice", "unitPrice")


def is_of(name: str, commitment: dict[str, Any]) -> bool:
    """Whether a commitment of this type has such a term."""
    if commitment.get("commitmentType") == "MINIMUM":
        return name in _OF_BOTH + _OF_MINIMUM
    return name not in _OF_MINIMUM
