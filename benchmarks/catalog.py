"""Sets the measured organization up through HTTP: a test clock, a meter and a plan with one tiered price."""

from typing import Any

from benchmarks.workload import CENTS, FIELD, METER, ORGANIZATION, START, TIER
from services.demo.client import Client

TODAY = "2026-02-01T00:00:00Z"
CONFIG: dict[str, Any] = ORGANIZATION | {"testClock": True}
BANDS = [
    {"lowerLimit": 0, "fixedPrice": 0, "unitPrice": CENTS[0] / 100},
    {"lowerLimit": TIER, "fixedPrice": 0, "unitPrice": CENTS[1] / 100},
]


async def create_catalog(client: Client) -> str:
    """The organization on the first day of the load, and its catalog; returns the plan's id."""
    await client.call("PUT", "organizationconfig", CONFIG)
    await client.call("POST", "clock", {"now": f"{START:%Y-%m-%dT%H:%M:%SZ}"})
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
    first = f"{START:%Y-%m-%d}"
    await client.create(
        "pricings", planId=plan, aggregationId=aggregation, startDate=first, cumulative=True, pricingBands=BANDS
    )
    return plan


async def end_month(client: Client) -> None:
    """Move the test clock behind the load's last day, so that nothing of it lies in the future."""
    await client.call("POST", "clock", {"now": TODAY})
