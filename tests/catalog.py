"""The least that an organization bills by: a product, a meter of calls, their sum, a monthly plan and its price.

Bodies as HTTP takes them, and short ways to create them in turn; `create` is that of `Api`, or another one like it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

Body = dict[str, Any]
#: Creates a resource by its path and the members of its body; the id that it has got.
Create = Callable[..., Awaitable[str]]

#: Dates of a commitment, a balance or a contract; its last day is that before the end.
YEAR = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
TERM = {"currency": "USD", **YEAR}
CALLS: Body = {"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}
METER: Body = {"code": "api", "name": "API", "dataFields": [CALLS], "derivedFields": []}
#: Less the meter that it is of.
SUM_OF_CALLS: Body = {
    "code": "calls", "name": "Calls", "targetField": "calls", "aggregation": "SUM", "rounding": "NONE",
    "quantityPerUnit": 1, "unit": "call",
}  # fmt: skip


class Catalog(NamedTuple):
    """Ids; `calls` is the sum of the calls, which the pricing prices."""

    product: str
    meter: str
    calls: str
    template: str
    plan: str
    pricing: str


class Plan(NamedTuple):
    """Ids."""

    template: str
    plan: str


def flat(price: float) -> list[Body]:
    """The one band of a price that is the same for each unit."""
    return [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": price}]


async def create_product(create: Create, name: str = "API") -> str:
    """The product."""
    return await create("products", code="api", name=name)


async def create_meter(create: Create, *more_fields: Body) -> str:
    """The meter of calls, with these fields beside them."""
    return await create("meters", **METER | {"dataFields": [CALLS, *more_fields]})


async def create_plan(
    create: Create, product: str, charge: float = 0, *, code: str = "monthly", name: str = "Monthly", **terms: Any
) -> Plan:
    """A plan with this standing charge, of a template of its own, in dollars if its terms do not say otherwise."""
    monthly = {"name": name, "currency": "USD", "billFrequency": "MONTHLY", "standingCharge": charge}
    template = await create("plantemplates", productId=product, **monthly | terms)
    return Plan(template, await create("plans", code=code, name=name, planTemplateId=template))


async def create_pricing(create: Create, plan: str, aggregation: str, bands: Sequence[Body], **more: Any) -> str:
    """What a plan takes for it from 2026 on."""
    priced = {"planId": plan, "aggregationId": aggregation, "startDate": "2026-01-01", "pricingBands": [*bands]}
    return await create("pricings", **priced, **more)


async def create_catalog(
    create: Create, charge: float, bands: Sequence[Body], *, more_fields: Sequence[Body] = (), **pricing: Any
) -> Catalog:
    """All of it; `pricing`: what is to be said of the price beside its bands."""
    product, meter = await create_product(create), await create_meter(create, *more_fields)
    calls = await create("aggregations", meterId=meter, **SUM_OF_CALLS)
    template, plan = await create_plan(create, product, charge)
    return Catalog(product, meter, calls, template, plan, await create_pricing(create, plan, calls, bands, **pricing))


async def create_account(create: Create, code: str, plan: str | None = None, /, **more: Any) -> str:
    """An account, by its code if `more` does not say its name, and on the plan from 2026 on if there is one."""
    account = await create("accounts", **{"code": code, "name": code, "emailAddress": "a@example.com"} | more)
    if plan is not None:
        await create("accountplans", accountId=account, planId=plan, startDate="2026-01-01")
    return account
