"""Credit and debit line items of pending bills over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.actors import shown
from events.facts.bills import MemoAdded, MemoChanged, MemoRemoved
from events.resources.memos import CreditMemo, DebitMemo, Memo
from projections.calendar import named_days
from projections.resources import AccountEntity
from services.api.bill_life import change_bill
from services.api.callers import actor_of
from services.api.paging import page_asked
from services.api.queries import PAGING, parameters_of, takes
from services.api.requests import api_of, body_of, correlation_of, key_of, organization_of, require_organization
from services.api.wire import answer, body_document, encode, parse_object, raw_answer
from services.billing.life import BillLife, BillNotPending, MemoState, append_fact, load_life
from services.commands.bodies import parse_model, version_of
from services.commands.checks import check_precision
from services.commands.errors import (
    InvalidField,
    UnknownReference,
    UnknownResource,
    VersionConflict,
    VersionMissing,
)
from services.commands.table import ANSWERED
from services.store import idempotency
from services.store.view import get

Handler = Callable[[Request], Awaitable[Response]]

#: What path they stand under -> their body.
_KINDS: dict[str, type[CreditMemo] | type[DebitMemo]] = {"creditlineitems": CreditMemo, "debitlineitems": DebitMemo}


def memo_router() -> APIRouter:
    """The paths of both kinds."""
    router = APIRouter(prefix="/organizations/{organization}/bills/{bill}")
    for path, model in _KINDS.items():
        for method, tail, maker in (
            ("POST", "", _create),
            ("GET", "", _list),
            ("GET", "/{memo}", _get),
            ("PUT", "/{memo}", _update),
            ("DELETE", "/{memo}", _delete),
        ):
            router.add_api_route(
                f"/{path}{tail}", maker(model), methods=[method], tags=["bills"], response_class=Response,
                name=f"{maker.__name__.strip('_')} {path}", openapi_extra=takes(*PAGING) if maker is _list else None,
            )  # fmt: skip
    return router


def _create(model: type[Memo]) -> Handler:
    async def create(request: Request) -> Response:
        raw, bill = await body_of(request), request.path_params["bill"]
        path = request.url.path
        asked = idempotency.Request(organization_of(request), request.method, path, key_of(request), raw)
        body, payload = _parsed(model, parse_object(raw)), b""

        async def change(connection: Any, life: BillLife, version: int, now: datetime) -> None:
            nonlocal payload
            first = await idempotency.first_answer(connection, asked)
            if first is not None:
                payload = first
                return
            await _check(connection, life, body)
            id = str(uuid4())
            added = MemoAdded(bill_id=bill, account_id=life.account_id, root_id=life.root_id, memo_id=id, body=body)
            await append_fact(connection, life, version, added, now, correlation_of(request), actor_of(request))
            payload = encode(_document(life.memos[id]))
            await idempotency.remember(connection, asked, payload)

        await change_bill(request, bill, change)
        return raw_answer(payload)

    return create


def _update(model: type[Memo]) -> Handler:
    async def update(request: Request) -> Response:
        document = parse_object(await body_of(request))
        body, given = _parsed(model, document), version_of(document)
        memo = request.path_params["memo"]

        async def change(connection: Any, life: BillLife, version: int, now: datetime) -> None:
            held = _held(life, model, memo)
            if given is None:
                raise VersionMissing(kind="line item")
            if given != held.version:
                raise VersionConflict(kind="line item", id=memo, current=held.version, given=given)
            await _check(connection, life, body)
            changed = MemoChanged(
                bill_id=life.bill_id,
                account_id=life.account_id,
                root_id=life.root_id,
                memo_id=memo,
                version=held.version + 1,
                body=body,
            )
            await append_fact(connection, life, version, changed, now, correlation_of(request), actor_of(request))

        life = await change_bill(request, request.path_params["bill"], change)
        return answer(_document(life.memos[memo]))

    return update


def _delete(model: type[Memo]) -> Handler:
    async def delete(request: Request) -> Response:
        memo, gone = request.path_params["memo"], []

        async def change(connection: Any, life: BillLife, version: int, now: datetime) -> None:
            held = _held(life, model, memo)
            gone.append(held)
            _check_pending(life)
            removed = MemoRemoved(
                bill_id=life.bill_id,
                account_id=life.account_id,
                root_id=life.root_id,
                memo_id=memo,
                version=held.version + 1,
            )
            await append_fact(connection, life, version, removed, now, correlation_of(request), actor_of(request))

        await change_bill(request, request.path_params["bill"], change)
        return answer(_document(gone[-1]))

    return delete


def _get(model: type[Memo]) -> Handler:
    async def get_one(request: Request) -> Response:
        return answer(_document(_held(await _life(request), model, request.path_params["memo"])))

    return get_one


def _list(model: type[Memo]) -> Handler:
    async def list_some(request: Request) -> Response:
        page = page_asked(parameters_of(request))
        held = [memo for memo in (await _life(request)).memos.values() if isinstance(memo.body, model)]
        newest_first = list(enumerate(held))[: page.before][::-1]
        data = [_document(memo) for _, memo in page.shown(newest_first)]
        return page.answer(data, newest_first, lambda placed: placed[0])

    return list_some


async def _life(request: Request) -> BillLife:
    organization = organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
        return await load_life(connection, organization, request.path_params["bill"])


def _parsed(model: type[Memo], document: dict[str, Any]) -> Any:
    """The body; the type may be left out, and is stored all the same."""
    kept = {name: value for name, value in document.items() if name not in ANSWERED}
    return parse_model(model, {"lineItemType": model.model_fields["line_item_type"].default} | kept)


def _held(life: BillLife, model: type[Memo], memo: str) -> MemoState:
    held = life.memos.get(memo)
    if held is None or not isinstance(held.body, model):
        raise UnknownResource(kind="line item", id=memo)
    return held


def _check_pending(life: BillLife) -> None:
    if life.pending is None:
        raise BillNotPending(id=life.bill_id, rule="takes credit and debit line items")


async def _check(connection: Any, life: BillLife, body: Memo) -> None:
    """Raises: BillNotPending, TooFineAmount, InvalidField, UnknownReference."""
    _check_pending(life)
    assert life.pending is not None
    check_precision("amount", body.amount, life.pending.currency)
    account = await get(connection, life.organization, "account", life.account_id)
    assert isinstance(account, AccountEntity)
    days = named_days(body.service_period_start_date, body.service_period_end_date, account.timezone)
    if days[1] is None or days[1] <= days[0]:
        raise InvalidField(field="servicePeriodEndDate", rule="must be after servicePeriodStartDate")
    for field, id in (("productId", body.product_id), ("accountingProductId", body.accounting_product_id)):
        if await get(connection, life.organization, "product", id) is None:
            raise UnknownReference(field=field, kind="product", id=id)


def _document(memo: MemoState) -> dict[str, Any]:
    return {
        "id": memo.id,
        "version": memo.version,
        **body_document(memo.body),
        "dtCreated": memo.created,
        "dtLastModified": memo.modified,
        "createdBy": shown(memo.created_by),
        "lastModifiedBy": shown(memo.modified_by),
    }
