"""Credit and debit line items of pending bills over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends
from starlette.responses import Response

from events.actors import shown
from events.facts.bills import MemoAdded, MemoChanged, MemoRemoved
from events.resources.bounds import INT32_MAX
from events.resources.charges import AnyMemo, CreditMemo, DebitMemo, Memo
from projections.entities import AccountEntity
from services.api.bill_life import Changing, again_if_outrun, bill_to_change
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.paging import Page, Paging
from services.api.parameters import WholeIfGiven
from services.api.sent import Body, Sent
from services.api.shown import answer_of, listed
from services.api.wire import answer, body_document
from services.billing.life import BillLife, BillNotPending, MemoState, load_life
from services.commands.bill_rules import check_memo
from services.commands.checks import check_version
from services.commands.kind import ANSWERED
from services.commands.refused import UnknownReference, UnknownResource
from services.store.view import get

Handler = Callable[..., Awaitable[Response]]

#: The model of each kind of line item, by its path.
_KINDS: dict[str, type[AnyMemo]] = {"creditlineitems": CreditMemo, "debitlineitems": DebitMemo}
#: The version of the bill that the client saw when it decided to add a line.
_SEEN = WholeIfGiven("billVersion", 1, INT32_MAX)


def memo_router() -> APIRouter:
    """A router with the paths of both kinds."""
    router = organization_router("bills", prefix="/bills/{bill}")
    for path, model in _KINDS.items():
        shown = answer_of(model)
        for method, tail, maker, summary in (
            ("POST", "", _create, "Add a {} line item to a pending bill"),
            ("GET", "", _list, "List a bill's {} line items"),
            ("GET", "/{memo}", _get, "Get a {} line item"),
            ("PUT", "/{memo}", _update, "Replace a {} line item of a pending bill"),
            ("DELETE", "/{memo}", _delete, "Take a {} line item off a pending bill"),
        ):
            router.add_api_route(
                f"/{path}{tail}", maker(model), methods=[method], name=f"{maker.__name__.strip('_')} {path}",
                summary=summary.format(path.removesuffix("lineitems")),
                response_model=listed(shown) if maker is _list else shown,
            )  # fmt: skip
    return router


def _body(model: type[AnyMemo], *, update: bool) -> Body[AnyMemo]:
    """The body of a request. The line's type may be left out, and is stored all the same."""
    unread = tuple(name for name in ANSWERED if not (update and name == "version"))
    defaults = {"lineItemType": model.model_fields["line_item_type"].default}
    if update:
        return Body(model, unread, version="required", defaults=defaults, title=f"{model.__name__}Update")
    return Body(model, unread, defaults=defaults)


def _create(model: type[AnyMemo]) -> Handler:
    @again_if_outrun
    async def create(
        call: Caller,
        bill: str,
        seen: Annotated[int | None, Depends(_SEEN)],
        sent: Annotated[Sent[AnyMemo], Depends(_body(model, update=False))],
    ) -> Response:
        async def work(turn: Turn) -> dict[str, Any]:
            body = sent.read().body
            changing = await bill_to_change(turn, bill)
            await _check(changing, body)
            life, id = changing.life, str(uuid4())
            if seen is not None:
                check_version("bill", life, seen)
            await changing.append(
                MemoAdded(bill_id=bill, account_id=life.account_id, root_id=life.root_id, memo_id=id, body=body)
            )
            return _document(life.memos[id])

        return await once(call, sent, work)

    return create


def _update(model: type[AnyMemo]) -> Handler:
    @again_if_outrun
    async def update(
        call: Caller, bill: str, memo: str, sent: Annotated[Sent[AnyMemo], Depends(_body(model, update=True))]
    ) -> Response:
        given = sent.read()
        body, version = given.body, given.version

        async with in_turn(call) as turn:
            changing = await bill_to_change(turn, bill)
            life, state = changing.life, _held(changing.life, model, memo)
            check_version("line item", state, version)
            await _check(changing, body)
            await changing.append(
                MemoChanged(
                    bill_id=life.bill_id,
                    account_id=life.account_id,
                    root_id=life.root_id,
                    memo_id=memo,
                    version=state.version + 1,
                    body=body,
                )
            )
        return answer(_document(life.memos[memo]))

    return update


def _delete(model: type[AnyMemo]) -> Handler:
    @again_if_outrun
    async def delete(call: Caller, bill: str, memo: str) -> Response:
        async with in_turn(call) as turn:
            changing = await bill_to_change(turn, bill)
            life, state = changing.life, _held(changing.life, model, memo)
            _check_pending(life)
            await changing.append(
                MemoRemoved(
                    bill_id=life.bill_id,
                    account_id=life.account_id,
                    root_id=life.root_id,
                    memo_id=memo,
                    version=state.version + 1,
                )
            )
        return answer(_document(state))

    return delete


def _get(model: type[AnyMemo]) -> Handler:
    async def get_one(call: Caller, bill: str, memo: str) -> Response:
        return answer(_document(_held(await _life(call, bill), model, memo)))

    return get_one


def _list(model: type[AnyMemo]) -> Handler:
    async def list_some(call: Caller, bill: str, page: Annotated[Page, Depends(Paging())]) -> Response:
        memos = [memo for memo in (await _life(call, bill)).memos.values() if isinstance(memo.body, model)]
        newest_first = list(enumerate(memos))[::-1]
        entries = page.fetched_of(newest_first, lambda placed: placed[0])
        return page.answer([_document(memo) for _, memo in page.shown(entries)], entries, lambda placed: placed[0])

    return list_some


async def _life(call: Call, bill: str) -> BillLife:
    async with call.reading() as connection:
        return await load_life(connection, call.organization, bill)


def _held(life: BillLife, model: type[AnyMemo], memo: str) -> MemoState:
    state = life.memos.get(memo)
    if state is None or not isinstance(state.body, model):
        raise UnknownResource(kind="line item", id=memo)
    return state


def _check_pending(life: BillLife) -> None:
    if life.pending is None:
        raise BillNotPending(id=life.bill_id, rule="takes credit and debit line items")


async def _check(changing: Changing, body: Memo) -> None:
    """Check the line against its bill. Raises: BillNotPending, TooFineAmount, InvalidField, UnknownReference."""
    life, connection = changing.life, changing.turn.connection
    _check_pending(life)
    assert life.pending is not None
    account = await get(connection, life.organization, "account", life.account_id)
    assert isinstance(account, AccountEntity)
    check_memo(body, life.pending.currency, account.timezone)
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
