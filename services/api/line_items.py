"""Lines of issued bills across bills: filtered by commitment, they are its draw-down ledger."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.facts.bills import BillIssued, LineType
from services.api.paging import page_asked
from services.api.queries import PAGING, one, parameters_of, takes
from services.api.requests import api_of, organization_of, require_organization
from services.api.resources import PREFIX
from services.billing.reading import read_names
from services.billing.wire import line_document, referred_ids
from services.readside.live import reading_live
from services.store.listing import Condition, placed

router = APIRouter(prefix=PREFIX, tags=["bills"], default_response_class=Response)

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
#: Parameter -> condition. Column `commitment_id` has the ids of commitments and balances, and the index.
_FILTERS = {
    "commitmentId": "l.commitment_id = {0} AND l.line->>'commitmentId' = {0}",
    "lineItemType": "l.type = {}",
    "billId": "l.bill_id = {}",
}
_TYPES = get_args(LineType)


@router.get("/lineitems", openapi_extra=takes(*_FILTERS, *PAGING, lineItemType=_TYPES))
async def list_line_items(request: Request) -> Response:
    """Lines of all bills that stand, newest bill first, each bill's in their order; pending bills have none yet."""
    found = parameters_of(request)
    page, organization = page_asked(found), organization_of(request)
    conditions = [Condition(sql, one(found, name)) for name, sql in _FILTERS.items() if name in found]
    if page.before is not None:
        conditions.append(Condition(f"{_PLACE} < {{}}", page.before))
    arguments: list[Any] = [organization]
    places = _PLACES + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    async with reading_live(api_of(request).postgres) as connection:
        await require_organization(connection, organization)
        rows = await connection.fetch(_LINES.format(places=places, size=page.fetched), *arguments)
        bills = [_bill(row) for row in page.shown(rows)]
        names = await read_names(connection, organization, referred_ids(bills))
    data = [line_document(bill.lines[0], bill, names) for bill in bills]
    return page.answer(data, rows, lambda row: int(row["place"]))


def _bill(row: Mapping[str, Any]) -> BillIssued:
    """A row's bill with that line alone."""
    line = json.loads(row["line"], parse_float=Decimal)
    return BillIssued.model_validate(json.loads(row["bill"]) | {"lines": [line]})
