"""The page of an account: its funds and what is left of them, its prices, its unbilled lines, and its bills."""

import asyncio
from typing import Any

from starlette.responses import Response

from services.console import drawings
from services.console.asking import Missing, or_missing, together
from services.console.automatic import of_account
from services.console.prices import plans_of, plans_then
from services.console.visits import Visit

_BILLS = 12
#: Most commitments, and most balances, of an account as it was in the past: the size of a page of the API's lists.
_LISTED = 100
#: Number of commitments and balances with a chart on the page, those with the most money at stake first; the others
#: have their chart on their own pages. If very many are running, one chart is drawn, because each then takes long to
#: make.
_DRAWN, _DRAWN_OF_MANY, _MANY = 4, 1, 20
#: Most unbilled lines that are shown: a year of many commitments has thousands.
_LINES = 100


async def page(visit: Visit) -> Response:
    """The account as of now, or as of the day and as known at the moment that the address names."""
    asking, id, moment = visit.asking, visit.request.path_params["account"], visit.to.moment
    # Only the account itself is required; any other part of the page may be missing.
    answers = await together(
        stands=_then(visit, id) if moment else _now(visit, id),
        config=asking.get("organizationconfig"),
        bills=or_missing(_bills(visit, id)),
        span=visit.span(id),
        stakes=or_missing(asking.get("accounts", id, "outlook", limit=_DRAWN)),
    )
    answers |= answers.pop("stands")
    answers["drawn"] = await _drawn(visit, answers["commitments"], answers["balances"], answers.pop("stakes"))
    zone = answers["account"].get("timezone") or answers["config"]["timezone"]
    lines = None if visit.query.get("unbilled") == "all" else _LINES
    return await visit.page("account.html", zone=zone, lines_shown=lines, **answers)


async def _now(visit: Visit, id: str) -> dict[str, Any]:
    """The account's parts as they are now."""
    asking = visit.asking
    answers = await together(
        account=asking.get("accounts", id),
        children=or_missing(asking.get("accounts", id, "children", nextToken=visit.query.get("childrenFrom"))),
        commitments=or_missing(asking.get("commitments", accountId=id, nextToken=visit.query.get("commitmentsFrom"))),
        balances=or_missing(asking.get("balances", accountId=id, nextToken=visit.query.get("balancesFrom"))),
        plans=or_missing(plans_of(asking, id)),
        unbilled=or_missing(asking.get("accounts", id, "unbilled")),
        automatic=or_missing(of_account(asking, id)),
    )
    parent = answers["account"].get("parentAccountId")
    return answers | {"parent": await asking.get("accounts", parent) if parent else None}


async def _then(visit: Visit, id: str) -> dict[str, Any]:
    """The account's parts as they were. One settlement gives all of them, so one answer has all, and a page shows a
    part.
    """
    snapshot: dict[str, Any] = await visit.asking.get("accounts", id, "snapshot", **visit.to.moment)
    funds = {name: _part(snapshot[name], visit.query.get(f"{name}From")) for name in ("commitments", "balances")}
    plans, children = plans_then(snapshot), {"data": snapshot["children"]}
    return snapshot | funds | {"parent": snapshot.get("parent"), "children": children, "plans": plans}


def _part(listed: list[Any], first: str | None) -> dict[str, Any]:
    """A part of a list in the form of a page of the API's lists: its token is the place of the next part."""
    start = int(first) if first is not None and first.isascii() and first.isdecimal() and len(first) < 9 else 0
    following = {"nextToken": str(start + _LISTED)} if start + _LISTED < len(listed) else {}
    return {"data": listed[start : start + _LISTED]} | following


async def _drawn(visit: Visit, commitments: Any, balances: Any, stakes: Any) -> list[dict[str, Any]]:
    """Charts of the running funds, each with its fund: first those that the outlook names, then in the list's order."""
    every = [
        (fund, draw)
        for page, draw in ((commitments, drawings.of_commitment), (balances, drawings.of_balance))
        if not isinstance(page, Missing)
        for fund in page["data"]
    ]
    running = [(fund, draw) for fund, draw in every if fund.get("status") in ("ACTIVE", "EXHAUSTED")]
    named = [] if isinstance(stakes, Missing) else [fund["id"] for fund in stakes["data"]]
    places = {id: index for index, id in enumerate(named)}
    running.sort(key=lambda each: places.get(each[0]["id"], len(places)))
    chosen = running[: _DRAWN if len(running) < _MANY else _DRAWN_OF_MANY]
    charts = await asyncio.gather(*(draw(visit.asking, fund, **visit.to.moment) for fund, draw in chosen))
    return [{"of": fund, "charts": drawn} for (fund, _), drawn in zip(chosen, charts, strict=True) if drawn]


async def _bills(visit: Visit, account: str) -> Any:
    """The account's newest bills; as of a day, those dated up to it."""
    return await visit.asking.get(
        "bills",
        accountId=account,
        excludeLineItems="true",
        pageSize=_BILLS,
        nextToken=visit.query.get("billsFrom"),
        billDateEnd=visit.dated_before,
        knownAt=visit.known_at,
    )
