"""The plans of an account with their prices, put together from several answers of the API."""

import asyncio
from collections.abc import Iterator
from typing import Any

from services.console.asking import Asking, together


async def plans_of(asking: Asking, account: str, *, every_price: bool = False) -> list[dict[str, Any]]:
    """The account's plans in force, each with its template and its prices in force (or all prices) with their
    aggregations.

    Raises: ApiRefused.
    """
    today = (await asking.get("clock"))["now"][:10]
    attached = await asking.every("accountplans", account=account, date=today)
    groups = sorted({account_plan["planGroupId"] for account_plan in attached if "planGroupId" in account_plan})
    lists = await asyncio.gather(*(asking.every("plangrouplinks", planGroupId=id) for id in groups))
    links = [link for listed in lists for link in listed]
    named = sorted({plan_id for _, plan_id in _attaching(attached, links) if plan_id})
    if not named:
        return [_of_plan(account_plan, None, {}, []) for account_plan in attached]
    plans = {plan["id"]: plan for plan in await asking.every("plans", ids=",".join(named))}
    templates = sorted({plan["planTemplateId"] for plan in plans.values()})
    answers = await together(
        templates=asking.every("plantemplates", ids=",".join(templates)),
        own=_prices(asking, "planId", sorted(plans), None if every_price else today),
        inherited=_prices(asking, "planTemplateId", templates, None if every_price else today),
    )
    by_template = {template["id"]: template for template in answers["templates"]}
    priced = await _priced(asking, [price for prices in (answers["own"], answers["inherited"]) for price in prices])
    return [_of_plan(by, plans.get(plan_id), by_template, priced) for by, plan_id in _attaching(attached, links)]


def plans_then(snapshot: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans of an account as it was, with their prices, from its snapshot."""
    plans, templates = ({entity["id"]: entity for entity in snapshot[name]} for name in ("plans", "planTemplates"))
    by_id = {aggregation["id"]: aggregation for aggregation in snapshot["aggregations"]}
    prices = [price | {"aggregation": by_id.get(price.get("aggregationId", ""))} for price in snapshot["pricings"]]
    attaching = _attaching(snapshot["accountPlans"], snapshot["planGroupLinks"])
    return [_of_plan(account_plan, plans.get(plan_id), templates, prices) for account_plan, plan_id in attaching]


def _attaching(attached: list[dict[str, Any]], links: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each account plan with each plan that it attaches, directly or by a group; "" for an empty group."""
    for account_plan in attached:
        group = account_plan.get("planGroupId")
        grouped = [link["planId"] for link in links if link["planGroupId"] == group]
        for plan_id in [account_plan["planId"]] if "planId" in account_plan else grouped or [""]:
            yield account_plan, plan_id


async def _prices(asking: Asking, by: str, ids: list[str], on: str | None) -> list[dict[str, Any]]:
    lists = await asyncio.gather(*(asking.every("pricings", date=on, **{by: id}) for id in ids))
    return [price for listed in lists for price in listed]


async def _priced(asking: Asking, prices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The prices, each with its aggregation."""
    ids = sorted({price["aggregationId"] for price in prices if "aggregationId" in price})
    aggregations = await asking.every("aggregations", ids=",".join(ids)) if ids else []
    by_id = {aggregation["id"]: aggregation for aggregation in aggregations}
    return [price | {"aggregation": by_id.get(price.get("aggregationId", ""))} for price in prices]


def _of_plan(attached: Any, plan: Any, templates: dict[str, Any], prices: list[dict[str, Any]]) -> dict[str, Any]:
    if plan is None:
        return {"attached": attached, "plan": None, "template": None, "prices": []}
    wanted = (plan["id"], plan["planTemplateId"])
    own = [price for price in prices if price.get("planId", price.get("planTemplateId")) in wanted]
    return {"attached": attached, "plan": plan, "template": templates.get(plan["planTemplateId"]), "prices": own}
