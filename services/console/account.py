"""The page of an account: what it has left, what it is priced by, what is not billed yet, and its bills."""

import asyncio
from typing import Any

from starlette.responses import Response

from services.console.asking import Missing, or_missing, together
from services.console.visits import Visit

_BILLS = 12


async def page(visit: Visit) -> Response:
    """The account as of now, or as of the day, and as known at the moment, that the address says."""
    asking, id = visit.asking, visit.request.path_params["account"]
    # The account alone decides whether there is a page; of all else a part may be missing.
    asked = await together(
        account=asking.get("accounts", id),
        config=asking.get("organizationconfig"),
        children=or_missing(asking.get("accounts", id, "children")),
        commitments=or_missing(asking.get("commitments", accountId=id, nextToken=visit.query.get("commitmentsFrom"))),
        balances=or_missing(asking.get("balances", accountId=id, nextToken=visit.query.get("balancesFrom"))),
        plans=or_missing(_plans(visit, id)),
        unbilled=or_missing(asking.get("accounts", id, "unbilled", asOf=visit.query.get("asOf"))),
        bills=or_missing(_bills(visit, id)),
    )
    account = asked["account"]
    asked["parent"] = await _parent(visit, account)
    if visit.to.moment:
        asked["commitments"] = await _at_moment(visit, asked["commitments"])
    zone = account.get("timezone") or asked["config"]["timezone"]
    return await visit.page("account.html", zone=zone, **asked)


async def _parent(visit: Visit, account: dict[str, Any]) -> dict[str, Any] | None:
    if "parentAccountId" not in account:
        return None
    parent: dict[str, Any] = await visit.asking.get("accounts", account["parentAccountId"])
    return parent


async def _at_moment(visit: Visit, commitments: Any) -> Any:
    """The same commitments as they stood then."""
    if isinstance(commitments, Missing):
        return commitments
    then = await asyncio.gather(
        *(
            or_missing(visit.asking.get("commitments", one["id"], "balance", **visit.to.moment))
            for one in commitments["data"]
        )
    )
    rows = [_as_then(now, row) for now, row in zip(commitments["data"], then, strict=True)]
    return commitments | {"data": rows}


def _as_then(now: dict[str, Any], then: Any) -> dict[str, Any]:
    """Who it is, from now; how it stood, from then."""
    if isinstance(then, Missing):
        return {name: now[name] for name in now if not name.startswith("amount") and name != "status"} | {
            "why": then.why
        }
    stood = {"amount": "amount", "spent": "amountSpent", "remaining": "amountRemaining", "status": "status"}
    return now | {name: then[was] for was, name in stood.items() if was in then} | {"topUpsThen": then["topUps"]}


async def _bills(visit: Visit, account: str) -> Any:
    """The newest ones; as of a day, those for a date up to it."""
    return await visit.asking.get(
        "bills", accountId=account, excludeLineItems="true", pageSize=_BILLS, nextToken=visit.query.get("billsFrom")
    )


async def _plans(visit: Visit, account: str) -> list[dict[str, Any]]:
    """The account's plans in force, each with its prices and what they are for."""
    asking = visit.asking
    attached = (await asking.get("accountplans", account=account))["data"]
    named = sorted({one["planId"] for one in attached if "planId" in one})
    if not named:
        return [{"attached": one, "plan": None, "template": None, "prices": []} for one in attached]
    plans = {one["id"]: one for one in (await asking.get("plans", ids=",".join(named)))["data"]}
    templates = sorted({one["planTemplateId"] for one in plans.values()})
    asked = await together(
        templates=asking.get("plantemplates", ids=",".join(templates)),
        own=_prices(visit, "planId", sorted(plans)),
        inherited=_prices(visit, "planTemplateId", templates),
    )
    by_template = {one["id"]: one for one in asked["templates"]["data"]}
    priced = await _priced(visit, [price for prices in (asked["own"], asked["inherited"]) for price in prices])
    return [
        {
            "attached": one,
            "plan": (plan := plans.get(one.get("planId", ""))),
            "template": None if plan is None else by_template.get(plan["planTemplateId"]),
            "prices": [] if plan is None else _of_plan(priced, plan),
        }
        for one in attached
    ]


async def _prices(visit: Visit, by: str, ids: list[str]) -> list[dict[str, Any]]:
    pages = await asyncio.gather(*(visit.asking.get("pricings", **{by: id}) for id in ids))
    return [price for page in pages for price in page["data"]]


async def _priced(visit: Visit, prices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The prices, each with what it is for."""
    ids = sorted({price["aggregationId"] for price in prices if "aggregationId" in price})
    if not ids:
        return prices
    found = (await visit.asking.get("aggregations", ids=",".join(ids)))["data"]
    by_id = {one["id"]: one for one in found}
    return [price | {"aggregation": by_id.get(price.get("aggregationId", ""))} for price in prices]


def _of_plan(prices: list[dict[str, Any]], plan: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = (plan["id"], plan["planTemplateId"])
    return [price for price in prices if price.get("planId", price.get("planTemplateId")) in wanted]
