"""An organization whose usage is corrected: a meter whose calls are added up, peak and count their users."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.api_client import CONFIG
from tests.catalog import TERM, create_account, create_meter, create_plan, create_pricing, create_product, flat
from tests.insight.story import bill
from tests.system.story import Wire

USER = {"code": "user", "category": "WHO"}
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
    product, meter = await create_product(wire.create), await create_meter(wire.create, USER)
    _, plan = await create_plan(wire.create, product)
    for (function, field), price in PRICES.items():
        counted = {"meterId": meter, "targetField": field, "aggregation": function, "unit": "1"}
        id = await wire.make("aggregations", function, name=function, rounding="NONE", quantityPerUnit=1, **counted)
        await create_pricing(wire.create, plan, id, flat(price), cumulative=True)
    acme = await create_account(wire.create, "acme", plan, **account)
    wire.names[acme] = "acme"
    await wire.make("commitments", "prepaid", accountId=acme, amount=1000, amountPrePaid=1000, **TERM)
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
