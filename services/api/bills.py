"""Bills over HTTP: lists, single ones with their lines, previews, and what is not billed yet."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid5

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.envelope import NAMESPACE
from events.facts.bills import BillIssued
from projections.settlement import DraftBill, draft_bills, issue, unbilled
from services.api.bill_bodies import PreviewBody
from services.api.bill_documents import found_bills, one_bill, preview_documents
from services.api.bill_search import FREQUENCIES, STATUSES, bill_search
from services.api.family import family_of
from services.api.paging import page_asked
from services.api.queries import FLAG, PAGING, is_true, one, parameters_of, several, takes
from services.api.requests import body_of
from services.api.search import SEARCH_PARAMETERS
from services.api.wire import answer, day, parse_object
from services.billing.reading import newest_first
from services.billing.wire import unpriced_documents
from services.commands.bodies import parse_model
from services.commands.errors import UnknownResource
from services.commands.what_if import supposed_family
from services.concurrency import compute
from services.readside.family_now import LoadedFamily
from services.store.listing import Condition

router = APIRouter(prefix="/organizations/{organization}")

#: Ids of a preview's lines are derived from it, as an issued bill's are from its own; it is never shown.
PREVIEW = str(uuid5(NAMESPACE, "preview"))
#: Parameter -> condition on a row of `bills`, and what its value is.
FILTERS = {
    "accountId": ("account_id = {}", "text"),
    "billDate": ("bill_date = {}", "day"),
    "billDateStart": ("bill_date >= {}", "day"),
    "billDateEnd": ("bill_date < {}", "day"),
    "billingFrequency": ("bill->>'billingFrequency' = {}", "text"),
    "billJobId": ("bill->>'billJobId' = {}", "text"),
    "ids": ("bill_id = ANY ({})", "texts"),
    "locked": ("locked = {}", "flag"),
    "status": ("status = {}", "text"),
}
#: Bills that are not there, and the documents of usage that no price holds for.
Previewed = tuple[list[BillIssued], list[dict[str, Any]]]
#: Every answer has the total, whether it is asked for or not; `additional` fields there are none.
_CHOICES = {
    **{name: FLAG for name in ("locked", "excludeLineItems", "includeBillTotal")},
    "status": STATUSES,
    "billingFrequency": FREQUENCIES,
}


@router.get("/bills", openapi_extra=takes(*FILTERS, "additional", *PAGING, **_CHOICES))
async def list_bills(request: Request) -> Response:
    """Newest first, pending ones among them as they would be issued now. Voided bills are not shown."""
    found = parameters_of(request)
    page = page_asked(found)
    conditions = [Condition(sql, value_of(found, name, kind)) for name, (sql, kind) in FILTERS.items() if name in found]
    if page.before is not None:
        conditions.append(Condition("position < {}", page.before))
    bare = is_true(found, "excludeLineItems")
    stored, documents = await found_bills(request, newest_first(conditions, page.fetched), lines=not bare)
    shown = {bill.bill_id for bill in page.shown(stored)}
    data = [document for document in documents if document["id"] in shown]
    return page.answer(data, stored, lambda bill: bill.position)


@router.get("/bills/search", openapi_extra=takes(*SEARCH_PARAMETERS))
async def search_bills(request: Request) -> Response:
    """Bills found by m3ter's search grammar."""
    _, documents = await found_bills(request, bill_search(request))
    return answer({"data": documents})


@router.get("/bills/latest/{account}", openapi_extra=takes("additional"))
async def latest_bill(request: Request, account: str) -> Response:
    """The account's newest bill."""
    _, documents = await found_bills(request, newest_first([Condition("account_id = {}", account)], 1))
    if not documents:
        raise UnknownResource(kind="bill of account", id=account)
    return answer(documents[0])


@router.get("/bills/{bill}", openapi_extra=takes("additional"))
async def get_bill(request: Request, bill: str) -> Response:
    """One bill with its lines."""
    return answer(await one_bill(request, bill))


@router.get("/bills/{bill}/lineitems", openapi_extra=takes("additional", *PAGING))
async def list_lines(request: Request, bill: str) -> Response:
    """The bill's lines in their order, on one page."""
    return answer({"data": (await one_bill(request, bill))["lineItems"]})


@router.get("/bills/{bill}/lineitems/{line}", openapi_extra=takes("additional"))
async def get_line(request: Request, bill: str, line: str) -> Response:
    """One line of a bill."""
    for document in (await one_bill(request, bill))["lineItems"]:
        if document["id"] == line:
            return answer(document)
    raise UnknownResource(kind="line item", id=line)


@router.post("/bills/preview")
async def preview_bill(request: Request) -> Response:
    """What a run for the date would issue for the account, on the very same path; nothing is stored.

    Under the commitments and pricings of the body, if it has any: what if?
    """
    body = parse_model(PreviewBody, parse_object(await body_of(request)))
    loaded = await family_of(request, body.account_id)
    bills, unpriced = await compute(loaded.organization, _previewed, loaded, body, datetime.now(UTC))
    return answer(_view(await preview_documents(request, bills), body.account_id, unpriced))


def _previewed(loaded: LoadedFamily, body: PreviewBody, now: datetime) -> Previewed:
    last = body.last_date_in_billing_period
    through = loaded.today if last is None else last + timedelta(days=1)
    family = supposed_family(loaded.family, loaded.resources, body.commitments or (), body.pricings or (), now)
    drafts = draft_bills(family, date=through, account_id=body.account_id)
    return _issued(loaded, drafts), unpriced_documents(family, loaded.resources, body.account_id)


@router.get("/accounts/{account}/unbilled", openapi_extra=takes("asOf"))
async def get_unbilled(request: Request, account: str) -> Response:
    """Lines of all usage that has arrived and is not billed, and of every other charge that is due by `asOf`."""
    as_of = one(parameters_of(request), "asOf")
    loaded = await family_of(request, account)
    through = day(as_of, "asOf") if as_of else loaded.today
    bills, unpriced = await compute(loaded.organization, _unbilled, loaded, account, through)
    return answer(_view(await preview_documents(request, bills), account, unpriced))


def _unbilled(loaded: LoadedFamily, account: str, through: date) -> Previewed:
    drafts = [draft for draft in unbilled(loaded.family, as_of=through) if draft.account_id == account]
    return _issued(loaded, drafts), unpriced_documents(loaded.family, loaded.resources, account)


def _issued(loaded: LoadedFamily, drafts: Sequence[DraftBill]) -> list[BillIssued]:
    return [issue(draft, bill_id=PREVIEW, positions=loaded.positions) for draft in drafts]


def _view(documents: list[dict[str, Any]], account: str, unpriced: list[dict[str, Any]]) -> dict[str, Any]:
    """One document, as the wire has it. Ours: an account has a bill per currency, so what remains stands beside it,
    as does usage that no price holds for."""
    found = documents[0] if documents else {"accountId": account, "billTotal": 0, "lineItems": []}
    others = {"otherCurrencies": documents[1:], "unpriced": unpriced}
    return found | {name: listed for name, listed in others.items() if listed}


def value_of(found: dict[str, list[str]], name: str, kind: str) -> Any:
    """A filter's value. Raises: InvalidField."""
    if kind == "texts":
        return several(found, name)
    if kind == "flag":
        return is_true(found, name)
    text = one(found, name)
    assert text is not None
    return day(text, name) if kind == "day" else text
