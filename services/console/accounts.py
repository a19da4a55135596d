"""The list of accounts, and the search for one, for a commitment or for a bill."""

from typing import Any

from starlette.responses import Response

from services.console.asking import Missing, or_missing, together
from services.console.visits import Visit

_PAGE = 50
_FOUND = 20


async def home(visit: Visit) -> Response:
    """Where a visit of an organization begins."""
    return visit.go("accounts")


async def listing(visit: Visit) -> Response:
    """The accounts, newest first."""
    page = await visit.asking.get("accounts", pageSize=_PAGE, nextToken=visit.query.get("nextToken"))
    parents = sorted({one["parentAccountId"] for one in page["data"] if "parentAccountId" in one})
    codes = await _codes(visit, parents)
    return await visit.page("accounts.html", accounts=page["data"], following=page.get("nextToken"), codes=codes)


async def search(visit: Visit) -> Response:
    """Accounts whose code or name begins with the text; a commitment or a bill that it names.

    Who is found alone is shown at once.
    """
    # A dollar sign would end the term (the API's search grammar).
    text = visit.query.get("q", "").partition("$")[0]
    if not text:
        return await visit.page("search.html", text="", found={}, any=False)
    asking = visit.asking
    asked = await together(
        accounts=or_missing(
            asking.get(
                "accounts", "search", searchQuery=f"code~{text}$name~{text}", operator="OR", sortBy="code",
                sortOrder="ASC", pageSize=_FOUND,
            )
        ),
        commitments=or_missing(_commitments(visit, text)),
        bills=or_missing(_bills(visit, text)),
    )  # fmt: skip
    found = {kind: _rows(answer) for kind, answer in asked.items()}
    alone = [(kind, rows[0]["id"]) for kind, rows in found.items() if len(rows) == 1]
    if len(alone) == 1 and sum(map(len, found.values())) == 1:
        return visit.go(*alone[0])
    owners = sorted({row["accountId"] for kind in ("commitments", "bills") for row in found[kind]})
    return await visit.page(
        "search.html",
        text=text,
        found=found,
        any=any(found.values()),
        missing=[answer for answer in asked.values() if isinstance(answer, Missing)],
        codes=await _codes(visit, owners),
    )


async def _commitments(visit: Visit, text: str) -> Any:
    return await visit.asking.get("commitments", ids=text)


async def _bills(visit: Visit, text: str) -> Any:
    return await visit.asking.get("bills", ids=text, excludeLineItems="true")


def _rows(answer: Any) -> list[dict[str, Any]]:
    return [] if isinstance(answer, Missing) else list(answer["data"])


async def _codes(visit: Visit, ids: list[str]) -> dict[str, str]:
    """By id, the codes of these accounts."""
    if not ids:
        return {}
    page = await visit.asking.get("accounts", ids=",".join(ids[:100]))
    return {one["id"]: one["code"] for one in page["data"]}
