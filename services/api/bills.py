"""Bills over HTTP: issued ones with their lines, previews, and what is not billed yet."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.facts.bills import BillIssued
from projections.resources import AccountEntity
from projections.settlement import DraftBill, draft_bills, issue, unbilled
from services.api.bill_bodies import PreviewBody
from services.api.queries import PAGE_SIZE_MAX, one, parameters_of, whole_number
from services.api.requests import api_of, body_of, organization_of, require_organization
from services.api.wire import answer, day, parse_object
from services.billing.progress import Waiter
from services.billing.reading import BillFilter, StoredBill, read_bills, read_names
from services.billing.wire import bill_document, referred_ids
from services.commitments.bodies import parse_model
from services.commitments.errors import InvalidField, UnknownResource
from services.families import LoadedFamily, load_family
from services.projector.target import reading_live
from services.store.listing import position_before, token_before
from services.store.view import get

router = APIRouter(prefix="/organizations/{organization}")

PREVIEW = "preview"
_LIST = ("accountId", "billDate", "billJobId", "ids", "locked", "pageSize", "nextToken")


@router.get("/bills")
async def list_bills(request: Request) -> Response:
    """Newest first. Voided bills are not shown."""
    found = parameters_of(request, _LIST)
    size = whole_number(found, "pageSize", PAGE_SIZE_MAX, 1, PAGE_SIZE_MAX)
    token, account, billed_on = one(found, "nextToken"), one(found, "accountId"), one(found, "billDate")
    wanted = BillFilter(
        account_ids=[account] if account else None,
        ids=[id for text in found["ids"] for id in text.split(",") if id] if "ids" in found else None,
        bill_date=day(billed_on, "billDate") if billed_on else None,
        locked=_true_or_false(one(found, "locked"), "locked"),
        bill_job_id=one(found, "billJobId"),
    )
    stored, documents = await _read(request, wanted, size + 1, position_before(token) if token else None)
    page: dict[str, Any] = {"data": documents[:size]}
    if len(stored) > size:
        page["nextToken"] = token_before(stored[size - 1].position)
    return answer(page)


@router.get("/bills/latest/{account}")
async def latest_bill(request: Request, account: str) -> Response:
    """The account's newest bill."""
    _, documents = await _read(request, BillFilter(account_ids=[account]), 1)
    if not documents:
        raise UnknownResource(kind="bill of account", id=account)
    return answer(documents[0])


@router.get("/bills/{bill}")
async def get_bill(request: Request, bill: str) -> Response:
    """One bill with its lines."""
    return answer(await _one(request, bill))


@router.get("/bills/{bill}/lineitems")
async def list_lines(request: Request, bill: str) -> Response:
    """The bill's lines in their order, on one page."""
    parameters_of(request, ("pageSize", "nextToken"))
    return answer({"data": (await _one(request, bill))["lineItems"]})


@router.get("/bills/{bill}/lineitems/{line}")
async def get_line(request: Request, bill: str, line: str) -> Response:
    """One line of a bill."""
    for document in (await _one(request, bill))["lineItems"]:
        if document["id"] == line:
            return answer(document)
    raise UnknownResource(kind="line item", id=line)


@router.post("/bills/preview")
async def preview_bill(request: Request) -> Response:
    """What a run for the date would issue for the account, on the very same path; nothing is stored."""
    body = parse_model(PreviewBody, parse_object(await body_of(request)))
    loaded = await _family(request, body.account_id)
    last = body.last_date_in_billing_period
    through = loaded.today if last is None else last + timedelta(days=1)
    drafts = draft_bills(loaded.family, date=through, account_id=body.account_id)
    documents = await _drafted(request, loaded, [draft for draft in drafts if draft.account_id == body.account_id])
    return answer(documents[0] if documents else {"accountId": body.account_id, "billTotal": 0, "lineItems": []})


@router.get("/accounts/{account}/unbilled")
async def get_unbilled(request: Request, account: str) -> Response:
    """Lines of all usage that has arrived and is not billed, and of every other charge that is due by `asOf`."""
    as_of = one(parameters_of(request, ("asOf",)), "asOf")
    loaded = await _family(request, account)
    through = day(as_of, "asOf") if as_of else loaded.today
    drafts = [draft for draft in unbilled(loaded.family, as_of=through) if draft.account_id == account]
    documents = await _drafted(request, loaded, drafts)
    return answer(documents[0] if documents else {"accountId": account, "billTotal": 0, "lineItems": []})


async def _one(request: Request, bill: str) -> dict[str, Any]:
    _, documents = await _read(request, BillFilter(ids=[bill]), 1)
    if not documents:
        raise UnknownResource(kind="bill", id=bill)
    return documents[0]


async def _read(
    request: Request, wanted: BillFilter, limit: int, before: int | None = None
) -> tuple[list[StoredBill], list[dict[str, Any]]]:
    organization = organization_of(request)
    async with reading_live(api_of(request).postgres) as connection:
        await require_organization(connection, organization)
        stored = await read_bills(connection, organization, wanted, limit, before)
        names = await read_names(connection, organization, referred_ids([held.bill for held in stored]))
    documents = [
        bill_document(held.bill, names, issued_at=held.issued_at, locked=held.locked, voided=held.voided)
        for held in stored
    ]
    return stored, documents


async def _family(request: Request, account_id: str) -> LoadedFamily:
    """The account's family, once every command that was acknowledged is projected. Raises: UnknownResource."""
    api, organization = api_of(request), organization_of(request)
    async with api.postgres.connection() as connection:
        await require_organization(connection, organization)
        account = await get(connection, organization, "account", account_id)
    if not isinstance(account, AccountEntity):
        raise UnknownResource(kind="account", id=account_id)
    await Waiter(api.postgres, api.bootstrap).until_commands_projected()
    async with api.postgres.connection() as connection:
        return await load_family(connection, organization, account.root_id)


async def _drafted(request: Request, loaded: LoadedFamily, drafts: Sequence[DraftBill]) -> list[dict[str, Any]]:
    bills: list[BillIssued] = [
        issue(draft, bill_id=PREVIEW, positions=loaded.positions, bill_job_id=None, invoice_number=None)
        for draft in drafts
    ]
    async with api_of(request).postgres.connection() as connection:
        names = await read_names(connection, loaded.organization, referred_ids(bills))
    return [bill_document(bill, names, issued_at=None) for bill in bills]


def _true_or_false(text: str | None, field: str) -> bool | None:
    if text not in (None, "true", "false"):
        raise InvalidField(field=field, rule="must be true or false")
    return None if text is None else text == "true"
