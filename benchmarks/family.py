"""One account for settlement's benchmark: months of usage under so many prices, so many prepayments to draw on.

The prepayments follow each other over the whole term, each a quarter long or as long as it takes to leave no gap; half
of the usage finds money on them, so draw-down, exhaustion and overage all have work.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from benchmarks.workload import ORGANIZATION
from events.envelope import seal
from events.facts import FACTS
from projections.aggregates import DayState
from projections.calendar import add_months
from projections.resources import Resources
from projections.settlement import Billed, Family, compile_terms

FIRST = date(2026, 1, 1)
#: Usage falls on this many days of each month.
DAYS_PER_MONTH = 28
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BANDS = [
    {"lowerLimit": 0, "fixedPrice": 0, "unitPrice": "0.02"},
    {"lowerLimit": 1_000, "fixedPrice": 1, "unitPrice": "0.0125"},
]


def id_of(name: str) -> str:
    """A stable id for a name."""
    return str(uuid5(NAMESPACE_URL, name))


ACCOUNT = id_of("account")


def family(months: int, charges: int, commitments: int) -> Family:
    """The account with its terms compiled; nothing is settled yet."""
    return Family(compile_terms(resources(months, charges, commitments), ACCOUNT), totals(months, charges), Billed())


def resources(months: int, charges: int, commitments: int) -> Resources:
    """Catalog, account and commitments, from facts."""
    catalog = Resources("benchmark")
    facts = [_fact("OrganizationConfigured", "benchmark", **ORGANIZATION), *_catalog(charges)]
    account = {"code": "account", "name": "Account", "emailAddress": "a@example.com"}
    placed = {"root_id": ACCOUNT, "partition": 0, "timezone": "UTC"}
    facts.append(FACTS["AccountCreated"].model_validate({"id": ACCOUNT, "version": 1, "body": account, **placed}))
    facts.append(_fact("AccountPlanCreated", "attached", accountId=ACCOUNT, planId=id_of("plan"), startDate=str(FIRST)))
    facts += [_commitment(number, commitments, months, charges) for number in range(commitments)]
    for position, fact in enumerate(facts, start=1):
        catalog.evolve(seal(fact, source="benchmark", sequence=position, organization="benchmark", time=_NOW))
    return catalog


def end_of(months: int) -> date:
    """The day after the last month."""
    return add_months(FIRST, months)


def totals(months: int, charges: int) -> dict[tuple[str, str, str], dict[date, DayState]]:
    """Quantities by day: about 1,000 units a charge and month."""
    days = [add_months(FIRST, month) + timedelta(days=day) for month in range(months) for day in range(DAYS_PER_MONTH)]
    return {
        (ACCOUNT, id_of(f"aggregation-{charge}"), ""): {
            day: DayState(Decimal(30 + (charge * 7 + number) % 11), 3) for number, day in enumerate(days)
        }
        for charge in range(charges)
    }


def _fact(kind: str, name: str, /, **body: Any) -> Any:
    return FACTS[kind].model_validate({"id": id_of(name), "version": 1, "body": body})


def _catalog(charges: int) -> list[Any]:
    fields = [{"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}]
    facts = [
        _fact("ProductCreated", "product", code="api", name="API"),
        _fact("MeterCreated", "meter", code="api", name="API", productId=id_of("product"), dataFields=fields),
        _fact(
            "PlanTemplateCreated",
            "template",
            name="Monthly",
            productId=id_of("product"),
            currency="USD",
            billFrequency="MONTHLY",
            standingCharge=0,
        ),
        _fact("PlanCreated", "plan", code="monthly", name="Monthly", planTemplateId=id_of("template")),
    ]
    for charge in range(charges):
        aggregation = {"meterId": id_of("meter"), "targetField": "calls", "aggregation": "SUM", "unit": "call"}
        name = f"aggregation-{charge}"
        facts.append(_fact("AggregationCreated", name, name=name, rounding="NONE", quantityPerUnit=1, **aggregation))
        pricing = {"planId": id_of("plan"), "aggregationId": id_of(name), "cumulative": True, "pricingBands": _BANDS}
        facts.append(_fact("PricingCreated", f"pricing-{charge}", startDate=str(FIRST), **pricing))
    return facts


def _commitment(number: int, commitments: int, months: int, charges: int) -> Any:
    term = (end_of(months) - FIRST).days
    start = term * number // commitments
    length = max(90, term // commitments)
    amount = max(charges * months * 10 // commitments, 1)
    return _fact(
        "CommitmentCreated",
        f"commitment-{number}",
        accountId=ACCOUNT,
        currency="USD",
        amount=amount,
        amountPrePaid=amount,
        startDate=str(FIRST + timedelta(days=start)),
        endDate=str(FIRST + timedelta(days=start + length)),
        billingPlanId=id_of("plan"),
        overageSurchargePercent=10,
    )
