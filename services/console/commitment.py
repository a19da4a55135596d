"""The page of a commitment: its terms in words, who changed them, what it paid for, and which fees are still due."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from services.console import drawings
from services.console.asking import Missing, or_missing, together
from services.console.visits import Visit

_FEE = "COMMITMENT_FEE"
#: Most bills whose invoice numbers are requested: the size of a page of the API.
_NUMBERED = 100
#: Terms that name a plan.
_PLANS = ("billingPlanId",)
#: Members of an answer that are no terms.
_BESIDE = frozenset(
    (
        *("id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy", "amountSpent", "status"),
        *("amountRemaining", "amountRolledOver", "amountLapsed", "amountUnscheduled", "periods"),
    )
)


async def page(visit: Visit) -> Response:
    """The commitment as of now, or as of the day and as known at the moment that the address names."""
    asking, id = visit.asking, visit.request.path_params["commitment"]
    commitment = await asking.get("commitments", id, knownAt=visit.known_at)
    end = commitment["endDate"]
    billed = {"commitmentId": id, "billDateEnd": visit.dated_before, "knownAt": visit.known_at}
    answers = await together(
        account=or_missing(asking.get("accounts", commitment["accountId"], knownAt=visit.known_at)),
        span=visit.span(commitment["accountId"]),
        balance=or_missing(asking.get("commitments", id, "balance", **visit.to.moment)),
        drawn=drawings.of_commitment(asking, commitment, **visit.to.moment),
        ledger=or_missing(asking.get("lineitems", nextToken=visit.query.get("ledgerFrom"), **billed)),
        fees=or_missing(asking.get("lineitems", lineItemType=_FEE, nextToken=visit.query.get("feesFrom"), **billed)),
        to_come=or_missing(
            asking.get("accounts", commitment["accountId"], "unbilled", asOf=end, knownAt=visit.known_at)
        ),
        happened=or_missing(_happened(visit, id)),
        products=or_missing(_named(visit, "products", commitment.get("productIds", ()))),
        plans=or_missing(_named(visit, "plans", [commitment[name] for name in _PLANS if name in commitment])),
    )
    if not isinstance(answers["to_come"], Missing):
        answers["to_come"] = _fees_of(answers["to_come"], id)
    if not isinstance(answers["happened"], Missing):
        answers["happened"] |= {"data": [_told(event) for event in answers["happened"]["data"]]}
    numbers = await _numbers(visit, (answers["ledger"], answers["fees"]))
    return await visit.page("commitment.html", commitment=commitment, numbers=numbers, **answers)


async def _happened(visit: Visit, id: str) -> Any:
    return await visit.asking.get(
        "events", resourceId=id, nextToken=visit.query.get("historyFrom"), knownAt=visit.known_at
    )


async def _named(visit: Visit, path: str, ids: Any) -> dict[str, str]:
    """The names of the resources with these ids, by id."""
    if not ids:
        return {}
    page = await visit.asking.get(path, ids=",".join(ids))
    return {product["id"]: product["name"] for product in page["data"]}


async def _numbers(visit: Visit, pages: Iterable[Any]) -> dict[str, str]:
    """The invoice numbers of the bills of these lines, by the bill's id. Missing are those of bills without a number,
    of bills voided since, and all if the API refused. Invoice numbers never change, so they need no moment.
    """
    of_lines = (line["billId"] for page in pages if not isinstance(page, Missing) for line in page["data"])
    ids = list(dict.fromkeys(of_lines))[:_NUMBERED]
    if not ids:
        return {}
    request = visit.asking.get("bills", ids=",".join(ids), excludeLineItems="true", pageSize=len(ids))
    bills = await or_missing(request)
    listed = [] if isinstance(bills, Missing) else bills["data"]
    return {bill["id"]: bill["sequentialInvoiceNumber"] for bill in listed if "sequentialInvoiceNumber" in bill}


def _fees_of(unbilled: dict[str, Any], id: str) -> list[dict[str, Any]]:
    """The fees and true-ups of this commitment, out of everything that would be billed by its end."""
    bills = [unbilled, *unbilled.get("otherCurrencies", ())]
    return [
        line
        for bill in bills
        for line in bill["lineItems"]
        if line.get("commitmentId") == id and line["lineItemType"] == _FEE
    ]


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """The changes of an event: each field with its value before and after."""
    data = event["m3terEvent"]["eventData"]
    new, old = data.get("newDto", {}), data.get("oldDto", {})
    names = [name for name in {**old, **new} if name not in _BESIDE and new.get(name) != old.get(name)]
    changes = [{"name": name, "was": old.get(name), "is": new.get(name)} for name in names]
    return {"name": event["eventName"], "time": event["eventTime"], "by": new.get("lastModifiedBy"), "changes": changes}
