"""The list of bills, a bill in the form of an invoice, and a bill as a file."""

from typing import Any

from starlette.responses import Response

from services.console.asking import or_missing, together
from services.console.looks import HEADERS
from services.console.visits import Visit

_PAGE = 50
#: Most lines on one page; a bill may have many thousands, and a link shows all of them.
LINES = 500
_STATUSES = ("PENDING", "APPROVED")
#: Sections of an invoice, in order, with their types of lines; all other types are charges.
_SECTIONS = {
    "fees": ("COMMITMENT_FEE", "BALANCE_FEE"),
    "by hand": ("CREDIT_MEMO", "DEBIT_MEMO", "MANUAL_ADJUSTMENT", "CREDIT_DEDUCTION"),
}


async def listing(visit: Visit) -> Response:
    """The bills, newest first: of one status if one is requested, or as of a day and a moment."""
    status = None if visit.to.moment else visit.query.get("status")
    bills = await visit.asking.get(
        "bills",
        pageSize=_PAGE,
        excludeLineItems="true",
        status=status if status in _STATUSES else None,
        nextToken=visit.query.get("nextToken"),
        billDateEnd=visit.dated_before,
        knownAt=visit.known_at,
    )
    return await visit.page("bills.html", bills=bills, status_wanted=status, codes={})


async def page(visit: Visit) -> Response:
    """A bill with its lines, as known at the moment that the address names."""
    bill = await visit.asking.get("bills", visit.request.path_params["bill"], knownAt=visit.known_at)
    answers = await together(
        account=or_missing(visit.asking.get("accounts", bill["accountId"], knownAt=visit.known_at)),
        span=visit.span(bill["accountId"]),
        config=or_missing(visit.asking.get("organizationconfig")),
    )
    lines, every = bill["lineItems"], "lines" in visit.query
    first = 0 if every else _number_of(visit.query.get("from"))
    shown = lines if every else lines[first : first + LINES]
    following = None if every or first + LINES >= len(lines) else first + LINES
    return await visit.page(
        "bill.html", bill=bill, groups=grouped(shown), following=following, first=first, count=len(lines), **answers
    )


def _number_of(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 9 else 0


def grouped(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines in the groups of an invoice: by account and product, then fees, then lines added by hand. The order of
    lines within a group is kept: a draw follows the line that it pays for.
    """
    groups: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for line in lines:
        section = next(
            (number for number, types in enumerate(_SECTIONS.values(), 1) if line["lineItemType"] in types), 0
        )
        account = line.get("childAccountCode", "")
        product = line.get("productName", "") if section == 0 else ""
        groups.setdefault((section, account, product), []).append(line)
    titles = ["", "Commitments", "Added by hand"]
    return [
        {"title": product or titles[section] or "Account", "account": account, "lines": lines}
        for (section, account, product), lines in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1]))
    ]


async def statement(visit: Visit) -> Response:
    """The bill as a file, exactly as the API writes it. Its header says that it is to be kept, and not the link to it:
    where the API refuses, the browser shows the page with the reason, and keeps no file.
    """
    bill, format = visit.request.path_params["bill"], visit.request.path_params["format"]
    file = await visit.asking.file_of("bills", bill, "statement", format=format)
    kept = {name: file.headers[name] for name in ("content-type", "content-disposition", "content-security-policy")}
    return Response(file.content, headers=HEADERS | kept)
