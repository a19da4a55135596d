"""What the demo sells, to whom, under which commitments: the request bodies it sends through HTTP."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

START = datetime(2023, 11, 1, tzinfo=UTC)
END = datetime(2023, 12, 1, tzinfo=UTC)
LAST_DAY = date(2023, 11, 30)
METER = "llm"

ORGANIZATION: dict[str, Any] = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "2023-01-01",
    "monthEpoch": "2023-01-01",
    "weekEpoch": "2023-01-02",
    "dayEpoch": "2023-01-01",
    "daysBeforeBillDue": 30,
    "commitmentFeeBillInAdvance": False,
}
METER_FIELDS = [
    {"code": "context", "name": "Context tokens", "category": "MEASURE", "unit": "token"},
    {"code": "generated", "name": "Generated tokens", "category": "MEASURE", "unit": "token"},
    {"code": "requests", "name": "Requests", "category": "MEASURE", "unit": "request"},
]


@dataclass(frozen=True, slots=True)
class Price:
    """A price in dollars per `per` of a meter's field."""

    field: str
    name: str
    per: int
    dollars: str


PRICES = (
    Price("context", "Context tokens", 1_000_000, "2.50"),
    Price("generated", "Generated tokens", 1_000_000, "10.00"),
    Price("requests", "Requests", 1, "0"),
)


@dataclass(frozen=True, slots=True)
class Customer:
    """An account and, if it has one, its commitment's body (without ids and dates, which the demo fills in)."""

    code: str
    name: str
    commitment: dict[str, Any] | None = None


TERM = {"startDate": "2023-11-01", "endDate": "2024-11-01"}
#: The requests are dealt to these like cards, so each gets about a quarter: some 24 dollars.
CUSTOMERS = (
    Customer(
        "acorn",
        "Acorn, prepaid, exhausted in mid-month, 10 % surcharge on overage",
        {
            **TERM,
            "amount": 15,
            "amountPrePaid": 15,
            "overageSurchargePercent": 10,
            "commitmentUsageDescription": "Paid from Acorn's prepayment",
        },
    ),
    Customer(
        "birch",
        "Birch, 120 a year in monthly fees, 5 % surcharge on overage",
        {
            **TERM,
            "amount": 120,
            "overageSurchargePercent": 5,
            "billing": True,
            "commitmentFeeDescription": "Birch's monthly fee",
        },
    ),
    Customer(
        "cedar",
        "Cedar, a minimum of 40 a month, trued up",
        {**TERM, "amount": 40, "commitmentType": "MINIMUM", "commitmentPeriodInterval": 1, "billing": True},
    ),
    Customer("dogwood", "Dogwood, pays as it goes"),
)
