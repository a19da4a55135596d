"""Lines of issued bills across bills: filtered by commitment, they are its draw-down ledger."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, get_args

from fastapi import Depends
from starlette.responses import Response

from events.facts.bills import BillIssued, LineType
from services.api.answers import BillLineAnswer
from services.api.calls import Caller, organization_router
from services.api.filters import Conditions
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Reader, Text
from services.api.shown import listed
from services.billing.bill_document import line_document, referred_ids
from services.billing.stored_bills import read_names
from services.readside.live import reading_live
from services.store.listing import Condition, placed

router = organization_router("bills")

#: More lines than a bill has, so that a line's place among all lines is one number, and a page token names it.
_LINES_MAX = 100_000_000
#: Newer bills stand higher; the lines of a bill stand in its order.
_PLACE = f"(b.position * {_LINES_MAX} + {_LINES_MAX} - l.number)"
_PLACES = f"""
SELECT l.bill_id, l.number, {_PLACE} AS place
FROM bill_line_items l JOIN bills b ON b.bill_id = l.bill_id
WHERE l.organization = $1 AND NOT b.voided"""
#: What a line says is looked up for those of the page alone: a bill may have tens of thousands.
_LINES = """
SELECT l.line::text, b.bill::text, page.place FROM ({places} ORDER BY place DESC LIMIT {size}) AS page
JOIN bill_line_items l ON l.bill_id = page.bill_id AND l.number = page.number
JOIN bills b ON b.bill_id = page.bill_id
ORDER BY page.place DESC
"""
#: Conditions by their parameters. Column `commitment_id` has the ids of commitments and balances, and the index.
_FILTERS: dict[Reader[Any], str] = {
    Text("commitmentId"): "l.commitment_id = {0} AND l.line->>'commitmentId' = {0}",
    Choice("lineItemType", get_args(LineType)): "l.type = {}",
    Text("billId"): "l.bill_id = {}",
}


@router.get("/lineitems", response_model=listed(BillLineAnswer))
async def list_line_items(
    call: Caller,
    wanted: Annotated[list[Condition], Depends(Conditions(_FILTERS))],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Lines of all bills that stand, newest bill first, each bill's in their order; pending bills have none yet."""
    arguments: list[Any] = [call.organization]
    conditions = [*wanted, *page.older(_PLACE)]
    places = _PLACES + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    async with reading_live(call.postgres) as connection:
        await call.configured(connection)
        rows = await connection.fetch(_LINES.format(places=places, size=page.fetched), *arguments)
        bills = [_bill(row) for row in page.shown(rows)]
        names = await read_names(connection, call.organization, referred_ids(bills))
    data = [line_document(bill.lines[0], bill, names) for bill in bills]
    return page.answer(data, rows, lambda row: int(row["place"]))


def _bill(row: Mapping[str, Any]) -> BillIssued:
    """A row's bill with that line alone."""
    line = json.loads(row["line"], parse_float=Decimal)
    return BillIssued.model_validate(json.loads(row["bill"]) | {"lines": [line]})
