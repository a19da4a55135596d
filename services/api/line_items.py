"""Lines of issued bills across bills: filtered by commitment, they are its draw-down ledger."""

from typing import Annotated, Any, get_args

from fastapi import Depends
from starlette.responses import Response

from events.facts.bills import LineType
from services.api.answers import BillLineAnswer
from services.api.calls import Caller, organization_router
from services.api.filters import Conditions
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Reader, Text
from services.api.shown import listed
from services.billing.bill_document import line_document, referred_ids
from services.billing.stored_bills import read_names
from services.readside.live import reading_live
from services.readside.table_rows import HAS_TYPE, IS_OF_COMMITMENT, IS_ON_BILL, PLACE, read_lines
from services.store.listing import Condition

router = organization_router("bills")

_FILTERS: dict[Reader[Any], str] = {
    Text("commitmentId"): IS_OF_COMMITMENT,
    Choice("lineItemType", get_args(LineType)): HAS_TYPE,
    Text("billId"): IS_ON_BILL,
}


@router.get("/lineitems", response_model=listed(BillLineAnswer))
async def list_line_items(
    call: Caller,
    wanted: Annotated[list[Condition], Depends(Conditions(_FILTERS))],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Lines of all bills that stand, newest bill first, each bill's in their order; pending bills have none yet."""
    conditions = [*wanted, *page.older(PLACE)]
    async with reading_live(call.postgres) as connection:
        await call.configured(connection)
        found = await read_lines(connection, call.organization, conditions, page.fetched)
        bills = [line.bill for line in page.shown(found)]
        names = await read_names(connection, call.organization, referred_ids(bills))
    data = [line_document(bill.lines[0], bill, names) for bill in bills]
    return page.answer(data, found, lambda line: line.place)
