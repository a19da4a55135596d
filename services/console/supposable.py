"""What may be supposed to be another: terms of commitments, balances, plans and prices, as a form asks for them."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Sort = Literal["number", "date", "flag"]


class Term(NamedTuple):
    """A term that may be supposed. `hint`: what its name does not say."""

    name: str
    sort: Sort = "number"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SupposableKind:
    """What terms may be changed of: its path in the API, and its list in the question to it."""

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
#: Of a PUT only: it is no term that is there already.
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
#: Terms of a commitment that only one type has: the other one refuses them.
_OF_MINIMUM = ("commitmentPeriodInterval", "prorate")
_OF_BOTH = ("amount", "startDate", "endDate")
#: Bands of a price, by what a field of theirs begins with; and what each is made of.
BANDS = {"band": "pricingBands", "overageBand": "overagePricingBands"}
BAND = ("lowerLimit", "fixedPrice", "unitPrice")


def is_of(name: str, commitment: dict[str, Any]) -> bool:
    """Whether a commitment of its type has such a term."""
    if commitment.get("commitmentType") == "MINIMUM":
        return name in _OF_BOTH + _OF_MINIMUM
    return name not in _OF_MINIMUM
