"""An organization whose usage is corrected: a meter whose calls are added up, peak and count their users."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.api_client import CONFIG
from tests.insight.story import bill
from tests.system.story import Wire

#: Price of a unit of each aggregation, by function and field.
PRICES = {("SUM", "calls"): 1, ("MAX", "calls"): 10, ("UNIQUE", "user"): 100}
ACME = {"code": "acme", "name": "Acme", "emailAddress": "a@example.com"}
JANUARY, FEBRUARY = "2026-01-31", "2026-02-28"


async def corrected_organization(
    url: Callable[[], str], organization: str, account: Mapping[str, Any] = ACME, **configured: Any
) -> Wire:
    """With an account, its prepayment, some usage, and a bill of January."""
    wire = Wire(url, organization)
    await wire.do("PUT", "organizationconfig", CONFIG | configured)
    product = await wire.create("products", code="api", name="API")
    fields = [{"code": "calls", "category": "MEASURE"}, {"code": "user", "category": "WHO"}]
    meter = await wire.create("meters", code="api", name="API", dataFields=fields, derivedFields=[])
    terms = {"currency": "USD", "billFrequency": "MONTHLY", "standingCharge": 0}
    template = await wire.create("plantemplates", productId=product, name="Monthly", **terms)
    plan = await wire.create("plans", code="monthly", name="Monthly", planTemplateId=template)
    for (function, field), price in PRICES.items():
        counted = {"meterId": meter, "targetField": field, "aggregation": function, "unit": "1"}
        id = await wire.make("aggregations", function, name=function, rounding="NONE", quantityPerUnit=1, **counted)
        bands = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": price}]
        priced = {"planId": plan, "aggregationId": id, "startDate": "2026-01-01", "cumulative": True}
        await wire.create("pricings", pricingBands=bands, **priced)
    acme = await wire.make("accounts", "acme", **account)
    await wire.create("accountplans", accountId=acme, planId=plan, startDate="2026-01-01")
    term = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD"}
    await wire.make("commitments", "prepaid", accountId=acme, amount=1000, amountPrePaid=1000, **term)
    await wire.do(
        "POST", "measurements", {"measurements": [event("a", 5, "x"), event("b", 9, "y"), event("c", 3, "x")]}
    )
    await bill(wire, JANUARY)
    return wire


def event(uid: str, calls: float, user: str) -> dict[str, Any]:
    at = {"account": "acme", "meter": "api", "ts": "2026-01-10T12:00:00Z"}
    return {"uid": uid, **at, "measure": {"calls": calls}, "who": {"user": user}}


def named(id: str, **more: Any) -> dict[str, Any]:
    return {"account": "acme", "id": id, **more}
