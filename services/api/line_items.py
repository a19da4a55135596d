"""Lines of all valid bills, now or as known at a moment."""

from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import Depends
from starlette.responses import Response

from events.facts.bills import LineType
from services.api.answers import BillLineAnswer
from services.api.as_known import KNOWN_AT, cut_of
from services.api.calls import Caller, organization_router
from services.api.filters import Conditions
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Day, Reader, Text
from services.api.shown import listed
from services.billing.bill_document import line_document, referred_ids
from services.billing.stored_bills import read_names
from services.readside.bill_rows import (
    HAS_TYPE,
    IS_BILLED_BEFORE,
    IS_OF_COMMITMENT,
    IS_ON_BILL,
    PLACE,
    STANDS,
    read_lines,
)
from services.readside.live import reading_live
from services.readside.past.cut import ISSUED_IS_KNOWN
from services.store.listing import SqlCondition

router = organization_router("bills")
_LINE_FILTERS: dict[Reader[Any], str] = {
    Text("commitmentId"): IS_OF_COMMITMENT,
    Choice("lineItemType", get_args(LineType)): HAS_TYPE,
    Text("billId"): IS_ON_BILL,
    Day("billDateEnd"): IS_BILLED_BEFORE,
}


@router.get("/lineitems", response_model=listed(BillLineAnswer))
async def list_line_items(
    call: Caller,
    wanted: Annotated[list[SqlCondition], Depends(Conditions(_LINE_FILTERS))],
    page: Annotated[Page, Depends(Paging())],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """Lines of all bills that stand, newest bill first, each bill's in their order; pending bills have none yet.

    With `knownAt`: of the bills that stood at a moment.
    """
    stands = STANDS if known_at is None else SqlCondition(ISSUED_IS_KNOWN, list((await cut_of(call, known_at)).offsets))
    conditions = [stands, *wanted, *page.older(PLACE)]
    async with reading_live(call.postgres) as connection:
        await call.configured(connection)
        lines = await read_lines(connection, call.organization, conditions, page.fetched)
        bills = [line.bill for line in page.shown(lines)]
        names = await read_names(connection, call.organization, referred_ids(bills))
    data = [line_document(bill.lines[0], bill, names) for bill in bills]
    return page.answer(data, lines, lambda line: line.place)
