"""Bills over HTTP: lists, single ones with their lines, lines across bills, and previews."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.responses import Response

from projections.calendar import through_of
from projections.settlement import draft_bills
from projections.settlement.extent import check_unbilled
from services.api.answers import BillAnswer, BillLineAnswer, Error, Preview
from services.api.as_known import KNOWN_AT, check_tells_of_then, cut_of
from services.api.bill_bodies import PreviewBody
from services.api.bill_documents import known_document, listed_documents, one_bill, preview_documents
from services.api.bill_filters import FILTERS, FREQUENCIES, BillSearch
from services.api.calls import Call, Caller, organization_router
from services.api.families import family_of, family_supposed
from services.api.filters import Conditions
from services.api.paging import AnyPage, Page, Paging, filled
from services.api.parameters import Choice, Flag, Text, choice_rule
from services.api.sent import Body, Sent
from services.api.shown import listed
from services.api.unbilled import Previewed, preview_of, previewed_bills
from services.api.wire import answer, day
from services.billing.bill_document import unpriced_documents
from services.billing.stored_bills import StoredBill, bills_known, newest_first
from services.commands.refused import InvalidField, UnknownResource
from services.concurrency import compute
from services.readside.bill_rows import (
    IS_DATED,
    IS_OF_ACCOUNT,
    OF_FREQUENCY,
)
from services.readside.family_now import LoadedFamily
from services.readside.horizon import bill_day
from services.readside.past.cut import Cut
from services.store.listing import Search, SqlCondition

router = organization_router("bills")

#: m3ter's parameter, accepted and ignored: there are no additional fields, and every answer has the total.
_Ignored = Annotated[str | None, Depends(Text("additional"))]
_PREVIEW = Body(PreviewBody)
AGAINST: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "What the body supposes would be refused so as a command, as on what is cancelled.",
        "model": Error,
    }
}


@router.get("/bills", response_model=listed(BillAnswer))
async def list_bills(
    call: Caller,
    wanted: Annotated[list[SqlCondition], Depends(Conditions(FILTERS))],
    frequency: Annotated[str | None, Depends(Choice("billingFrequency", FREQUENCIES))],
    additional: _Ignored,
    page: Annotated[Page, Depends(Paging())],
    bare: Annotated[bool, Depends(Flag("excludeLineItems"))],
    with_total: Annotated[bool, Depends(Flag("includeBillTotal"))],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """The bills, newest first, with pending ones as they would be issued now. Voided bills are not shown.

    Extension: `knownAt` gives the bills that existed at a moment, as they were then, without pending ones dropped
    since.
    """
    if known_at is not None:
        check_tells_of_then(wanted)
        return await _page_known(call, wanted, page, frequency, await cut_of(call, known_at), lines=not bare)
    return await _page_of(call, wanted, page, frequency, lines=not bare)


@router.get("/bills/accountid/{account}", response_model=listed(BillAnswer))
async def bills_of_account(
    call: Caller, account: str, additional: _Ignored, page: Annotated[Page, Depends(Paging())]
) -> Response:
    """The bills of one account, newest first."""
    return await _page_of(call, [SqlCondition(IS_OF_ACCOUNT, account)], page)


@router.get("/bills/billingperiod/{lastDate}/{frequency}", response_model=listed(BillAnswer))
async def bills_of_period(
    call: Caller,
    lastDate: Annotated[str, Path(description="The last day of the periods.", json_schema_extra={"format": "date"})],
    frequency: Annotated[str, Path(description="How often is billed.", json_schema_extra={"enum": [*FREQUENCIES]})],
    additional: _Ignored,
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """The bills of the billing periods of a frequency that end with a day, newest first."""
    through = through_of(day(lastDate, "lastDate"))
    if frequency not in FREQUENCIES:
        raise InvalidField(field="frequency", rule=choice_rule(FREQUENCIES))
    wanted = [SqlCondition(IS_DATED, through), SqlCondition(OF_FREQUENCY, frequency)]
    return await _page_of(call, wanted, page, frequency)


async def _page_of(
    call: Call, wanted: Sequence[SqlCondition], page: Page, frequency: str | None = None, *, lines: bool = True
) -> Response:
    """A page of bills; `frequency`: a pending bill's is known once it is derived, so a page may be shorter."""

    async def read(page: Page) -> tuple[list[dict[str, Any]], list[StoredBill]]:
        conditions = [*wanted, *page.older("position")]
        stored, documents = await listed_documents(call, newest_first(conditions, page.fetched), lines=lines)
        shown = {bill.bill_id for bill in page.shown(stored)}
        return _of_frequency([document for document in documents if document["id"] in shown], frequency), stored

    return await filled(page, read, lambda bill: bill.position)


async def _page_known(
    call: Call, wanted: Sequence[SqlCondition], page: Page, frequency: str | None, cut: Cut, *, lines: bool
) -> Response:
    async def read(page: Page) -> tuple[list[dict[str, Any]], list[tuple[str, int]]]:
        conditions = [*wanted, *page.older("position")]
        listed = await bills_known(call.postgres, call.organization, newest_first(conditions, page.fetched), cut)
        documents = [await known_document(call, bill_id, cut, lines=lines) for bill_id, _ in page.shown(listed)]
        return _of_frequency(documents, frequency), listed

    return await filled(page, read, lambda bill: bill[1])


def _of_frequency(documents: list[dict[str, Any]], frequency: str | None) -> list[dict[str, Any]]:
    return [document for document in documents if frequency in (None, document["billingFrequency"])]


@router.get("/bills/search", response_model=listed(BillAnswer))
async def search_bills(call: Caller, wanted: Annotated[Search, Depends(BillSearch())]) -> Response:
    """Bills found by m3ter's search grammar.

    No pending bill is found by `startDate`, `endDate` or `billingFrequency`: they follow from its lines, which are not
    stored yet.
    """
    _, documents = await listed_documents(call, wanted)
    return answer({"data": documents})


@router.get("/bills/latest/{account}", response_model=BillAnswer)
async def latest_bill(call: Caller, account: str, additional: _Ignored) -> Response:
    """The account's newest bill."""
    _, documents = await listed_documents(call, newest_first([SqlCondition(IS_OF_ACCOUNT, account)], 1))
    if not documents:
        raise UnknownResource(kind="bill of account", id=account)
    return answer(documents[0])


@router.get("/bills/{bill}", response_model=BillAnswer)
async def get_bill(
    call: Caller, bill: str, additional: _Ignored, known_at: Annotated[datetime | None, Depends(KNOWN_AT)]
) -> Response:
    """One bill with its lines; with `knownAt` as it stood at a moment."""
    if known_at is not None:
        return answer(await known_document(call, bill, await cut_of(call, known_at)))
    return answer(await one_bill(call, bill))


@router.get("/bills/{bill}/lineitems", response_model=listed(BillLineAnswer))
async def list_lines(
    call: Caller, bill: str, additional: _Ignored, page: Annotated[None, Depends(AnyPage())]
) -> Response:
    """The bill's lines in their order, on one page."""
    return answer({"data": (await one_bill(call, bill))["lineItems"]})


@router.get("/bills/{bill}/lineitems/{line}", response_model=BillLineAnswer)
async def get_line(call: Caller, bill: str, line: str, additional: _Ignored) -> Response:
    """One line of a bill."""
    for document in (await one_bill(call, bill))["lineItems"]:
        if document["id"] == line:
            return answer(document)
    raise UnknownResource(kind="line item", id=line)


@router.post("/bills/preview", response_model=Preview, responses=AGAINST)
async def preview_bill(call: Caller, sent: Annotated[Sent[PreviewBody], Depends(_PREVIEW)]) -> Response:
    """The bill that a run for the date would issue for the account, by the same code; nothing is stored.

    A body with terms asks: what if?
    """
    body = sent.read().body
    loaded = await family_of(call, body.account)
    bills, unpriced = await compute(loaded.organization, _previewed, loaded, body)
    return answer(preview_of(await preview_documents(call, bills), body.account, unpriced))


def _previewed(loaded: LoadedFamily, body: PreviewBody) -> Previewed:
    through = bill_day(body.last_date_in_billing_period, loaded.today)
    family = family_supposed(loaded, body.supposed)
    check_unbilled(family, through)
    drafts = draft_bills(family, date=through, account_id=body.account)
    return previewed_bills(drafts, loaded.positions), unpriced_documents(family, loaded.resources, body.account)
