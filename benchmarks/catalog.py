"""Sets the measured organization up through HTTP: a tiered price, 1,000 accounts, a prepayment on each."""

import asyncio
from typing import Any, NamedTuple

from benchmarks.workload import CENTS, CODES, FIELD, METER, PREPAID, START, TIER
from services.demo.wire import Client

AT_ONCE = 16
TERM = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
TODAY = "2026-01-29T00:00:00Z"
CONFIG: dict[str, Any] = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "2026-01-01",
    "monthEpoch": "2026-01-01",
    "weekEpoch": "2026-01-05",
    "dayEpoch": "2026-01-01",
    "daysBeforeBillDue": 30,
    "testClock": True,
}
BANDS = [
    {"lowerLimit": 0, "fixedPrice": 0, "unitPrice": CENTS[0] / 100},
    {"lowerLimit": TIER, "fixedPrice": 0, "unitPrice": CENTS[1] / 100},
]


class Customer(NamedTuple):
    """An account and its prepayment, by id."""

    account: str
    prepayment: str


async def set_up(client: Client) -> dict[str, Customer]:
    """Everything that the load needs; returns customers by account code."""
    await client.call("PUT", "organizationconfig", CONFIG)
    await client.call("POST", "clock", {"now": f"{START:%Y-%m-%dT%H:%M:%SZ}"})
    plan = await _catalog(client)
    turn = asyncio.Semaphore(AT_ONCE)

    async def create(code: str) -> Customer:
        async with turn:
            return await _customer(client, code, plan)

    customers = await asyncio.gather(*map(create, CODES))
    await client.call("POST", "clock", {"now": TODAY})
    return dict(zip(CODES, customers, strict=True))


async def _catalog(client: Client) -> str:
    product = await client.create("products", code="api", name="API")
    fields = [{"code": FIELD, "name": "Calls", "category": "MEASURE", "unit": "1"}]
    meter = await client.create(
        "meters", code=METER, name="API", productId=product, dataFields=fields, derivedFields=[]
    )
    template = await client.create(
        "plantemplates", productId=product, name="Monthly", currency="USD", billFrequency="MONTHLY", standingCharge=0
    )
    plan = await client.create("plans", code="monthly", name="Monthly", planTemplateId=template)
    aggregation = await client.create(
        "aggregations",
        code=FIELD,
        name="Calls",
        meterId=meter,
        targetField=FIELD,
        aggregation="SUM",
        rounding="NONE",
        quantityPerUnit=1,
        unit="call",
    )
    await client.create(
        "pricings",
        planId=plan,
        aggregationId=aggregation,
        startDate=TERM["startDate"],
        cumulative=True,
        pricingBands=BANDS,
    )
    return plan


async def _customer(client: Client, code: str, plan: str) -> Customer:
    account = await client.create("accounts", code=code, name=code, emailAddress=f"{code}@example.com")
    await client.create("accountplans", accountId=account, planId=plan, startDate=TERM["startDate"])
    prepayment = await client.create(
        "commitments",
        accountId=account,
        currency="USD",
        amount=PREPAID,
        amountPrePaid=PREPAID,
        billingPlanId=plan,
        **TERM,
    )
    return Customer(account, prepayment)
