"""The list of accounts, and the search by name or code."""

from typing import Any

from starlette.responses import Response

from services.console.visits import Visit

_PAGE = 50
_FOUND = 40


async def listing(visit: Visit) -> Response:
    """The accounts, newest first; as of a moment, those that were known then."""
    page = await visit.asking.get(
        "accounts", pageSize=_PAGE, nextToken=visit.query.get("nextToken"), knownAt=visit.known_at
    )
    parents = sorted({account["parentAccountId"] for account in page["data"] if "parentAccountId" in account})
    codes = await _codes(visit, parents)
    return await visit.page("accounts.html", accounts=page["data"], following=page.get("nextToken"), codes=codes)


async def search(visit: Visit) -> Response:
    """Accounts, commitments, balances and bills that match the text. A single match is shown at once."""
    text = visit.query.get("q", "")
    if not text:
        return await visit.page("search.html", text="", matches={}, codes={})
    data = (await visit.asking.get("find", query=text, limit=_FOUND))["data"]
    if len(data) == 1:
        return visit.go(f"{data[0]['kind']}s", data[0]["id"], **visit.to.moment)
    matches: dict[str, list[dict[str, Any]]] = {}
    for match in data:
        matches.setdefault(match["kind"], []).append(match)
    owners = sorted({match["accountId"] for match in data if "accountId" in match})
    return await visit.page("search.html", text=text, matches=matches, codes=await _codes(visit, owners))


async def _codes(visit: Visit, ids: list[str]) -> dict[str, str]:
    """The codes of these accounts, by id."""
    if not ids:
        return {}
    page = await visit.asking.get("accounts", ids=",".join(ids[:_PAGE]))
    return {account["id"]: account["code"] for account in page["data"]}
