"""The page of an account: what it has left, what it is priced by, what is not billed yet, and its bills."""

import asyncio
from typing import Any

from starlette.responses import Response

from services.console import drawings
from services.console.asking import Missing, or_missing, together
from services.console.prices import plans_of
from services.console.visits import Visit

_BILLS = 12
#: Commitments and balances that are drawn on the page, the most money at stake first; of the others their own pages
#: have the chart. Where very many run, each is long in the making, so one is drawn.
_DRAWN, _DRAWN_OF_MANY, _MANY = 4, 1, 20
#: Lines that are not billed yet: a year of many commitments has thousands.
_LINES = 100


async def page(visit: Visit) -> Response:
    """The account as of now, or as of the day, and as known at the moment, that the address says."""
    asking, id = visit.asking, visit.request.path_params["account"]
    # The account alone decides whether there is a page; of all else a part may be missing.
    asked = await together(
        account=asking.get("accounts", id),
        config=asking.get("organizationconfig"),
        children=or_missing(asking.get("accounts", id, "children", nextToken=visit.query.get("childrenFrom"))),
        commitments=or_missing(asking.get("commitments", accountId=id, nextToken=visit.query.get("commitmentsFrom"))),
        balances=or_missing(asking.get("balances", accountId=id, nextToken=visit.query.get("balancesFrom"))),
        plans=or_missing(plans_of(asking, id)),
        stakes=or_missing(asking.get("accounts", id, "outlook", limit=_DRAWN)),
        unbilled=or_missing(asking.get("accounts", id, "unbilled", asOf=visit.query.get("asOf"))),
        bills=or_missing(_bills(visit, id)),
    )
    account = asked["account"]
    asked["parent"] = await _parent(visit, account)
    if visit.to.moment:
        asked["commitments"] = await _at_moment(visit, asked["commitments"])
    asked["drawn"] = await _drawn(visit, asked["commitments"], asked["balances"], asked.pop("stakes"))
    zone = account.get("timezone") or asked["config"]["timezone"]
    lines = None if visit.query.get("unbilled") == "all" else _LINES
    return await visit.page("account.html", zone=zone, lines_shown=lines, **asked)


async def _drawn(visit: Visit, commitments: Any, balances: Any, stakes: Any) -> list[dict[str, Any]]:
    """Charts of those that run, with whose they are: first those that the outlook names, then in the list's order."""
    every = [
        (one, draw)
        for page, draw in ((commitments, drawings.of_commitment), (balances, drawings.of_balance))
        if not isinstance(page, Missing)
        for one in page["data"]
    ]
    running = [(one, draw) for one, draw in every if one.get("status") in ("ACTIVE", "EXHAUSTED")]
    named = [] if isinstance(stakes, Missing) else [one["id"] for one in stakes["data"]]
    places = {id: place for place, id in enumerate(named)}
    running.sort(key=lambda each: places.get(each[0]["id"], len(places)))
    chosen = running[: _DRAWN if len(running) < _MANY else _DRAWN_OF_MANY]
    charts = await asyncio.gather(*(draw(visit.asking, one, **visit.to.moment) for one, draw in chosen))
    return [{"of": one, "charts": drawn} for (one, _), drawn in zip(chosen, charts, strict=True) if drawn]


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
