"""What the demo sells, to whom, and under which commitments, as bodies of HTTP requests."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

METER = "llm"

ORGANIZATION: dict[str, Any] = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "2026-01-01",
    "monthEpoch": "2026-01-01",
    "weekEpoch": "2026-01-05",
    "dayEpoch": "2026-01-01",
    "daysBeforeBillDue": 30,
    "commitmentFeeBillInAdvance": False,
}
METER_FIELDS = [
    {"code": "context", "name": "Context tokens", "category": "MEASURE", "unit": "token"},
    {"code": "generated", "name": "Generated tokens", "category": "MEASURE", "unit": "token"},
    {"code": "requests", "name": "Requests", "category": "MEASURE", "unit": "request"},
]


@dataclass(frozen=True, slots=True)
class Month:
    """The month that is billed; commitments run for a year from its first day."""

    first: date

    @property
    def start(self) -> datetime:
        """The month's first instant, in UTC."""
        return datetime.combine(self.first, time.min, UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the month, in UTC."""
        return datetime.combine((self.first + timedelta(days=32)).replace(day=1), time.min, UTC)

    @property
    def last(self) -> date:
        """The month's last day."""
        return self.end.date() - timedelta(days=1)

    @property
    def term(self) -> dict[str, str]:
        """The dates of a commitment's body: a year from the month's first day."""
        return {
            "startDate": self.first.isoformat(),
            "endDate": self.first.replace(year=self.first.year + 1).isoformat(),
        }


def month_before(today: date) -> Month:
    """The last month that is over. All of it can be billed, and commitments of a year from its start still run."""
    return Month((today.replace(day=1) - timedelta(days=1)).replace(day=1))


@dataclass(frozen=True, slots=True)
class Price:
    """A price: `dollars` for each `per` units of a meter's field."""

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
    """An account and, if it has one, the body of its commitment.

    The demo fills in ids and dates; `billing` stands for the plan on whose bills the commitment is billed.
    """

    code: str
    name: str
    commitment: dict[str, Any] | None = None


#: The customers. Each gets every fourth request, which is about 24 dollars of usage.
CUSTOMERS = (
    Customer(
        "acorn",
        "Acorn, prepaid, exhausted in mid-month, 10 % surcharge on overage",
        {
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
            "amount": 120,
            "overageSurchargePercent": 5,
            "billing": True,
            "commitmentFeeDescription": "Birch's monthly fee",
        },
    ),
    Customer(
        "cedar",
        "Cedar, a minimum of 40 a month, trued up",
        {"amount": 40, "commitmentType": "MINIMUM", "commitmentPeriodInterval": 1, "billing": True},
    ),
    Customer("dogwood", "Dogwood, pays as it goes"),
)
