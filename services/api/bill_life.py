"""What is done to a bill over HTTP: approve, lock, void or drop."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.facts.bills import BillDropped, BillFact, BillIssued, BillLocked, BillVoided
from services.api.bill_bodies import ApproveBody, StatusBody
from services.api.bill_documents import document_of, one_bill
from services.api.callers import actor_of
from services.api.queries import parameters_of, several, takes
from services.api.requests import (
    api_of,
    body_of,
    commanding,
    correlation_of,
    key_of,
    organization_of,
    require_organization,
    waiter_of,
)
from services.api.wire import answer, encode, parse_object, raw_answer
from services.billing.approving import approve_bill, approve_or_drop
from services.billing.issuing import ATTEMPTS, BillContentionError
from services.billing.life import (
    BillIsLocked,
    BillLife,
    BillNotPending,
    BillStillPending,
    append_fact,
    load_life,
    load_to_change,
)
from services.commands.bodies import parse_model
from services.commands.errors import InvalidField
from services.readside.live import reading_live
from services.store import idempotency
from services.store.events import StreamMovedError
from services.store.execute import now_of
from services.store.view import load_config

T = TypeVar("T")
router = APIRouter(prefix="/organizations/{organization}/bills")

_PENDING_OF = "SELECT bill_id FROM bills WHERE organization = $1 AND status = 'PENDING' AND account_id = ANY ($2)"

#: Changes the bill in a transaction: from the connection, the bill, its stream's version and the organization's time.
Change = Callable[[Any, BillLife, int, datetime], Awaitable[Any]]


async def change_bill(request: Request, bill_id: str, change: Change) -> BillLife:
    """Run a change in one transaction, again if another command or bill run was faster; returns the bill after it."""
    organization = organization_of(request)
    for _ in range(ATTEMPTS):
        try:
            async with commanding(request) as connection:
                await require_organization(connection, organization)
                life, version = await load_to_change(connection, organization, bill_id)
                await change(connection, life, version, now_of(await load_config(connection, organization)))
                return life
        except StreamMovedError:
            continue
    raise BillContentionError(life.root_id)


@router.put("/{bill}/status")
async def set_status(request: Request, bill: str) -> Response:
    """Approve a pending bill. One that is approved stays so; it does not go back."""
    body = parse_model(StatusBody, parse_object(await body_of(request)))
    if body.status == "APPROVED":
        await _approve(request, [bill], approve_bill)
    shown = await one_bill(request, bill)
    if shown["status"] != body.status:
        raise BillNotPending(id=bill, rule="has the status PENDING")
    return answer(shown)


@router.put("/{bill}/lock")
async def lock(request: Request, bill: str) -> Response:
    """Lock an approved bill; it comes without a body. A locked one stays as it is."""

    async def change(connection: Any, life: BillLife, version: int, now: datetime) -> None:
        if life.issued is None:
            raise BillStillPending(id=bill)
        if life.locked_at is None:
            locked = BillLocked(bill_id=bill, account_id=life.account_id, root_id=life.root_id)
            await append_fact(connection, life, version, locked, now, correlation_of(request), actor_of(request))

    return answer(await document_of(request, await change_bill(request, bill, change)))


@router.delete("/{bill}")
async def delete(request: Request, bill: str) -> Response:
    """Drop a pending bill, void an approved one: what it billed is due again. The answer is the bill as it was."""
    shown = await one_bill(request, bill)

    async def change(connection: Any, life: BillLife, version: int, now: datetime) -> None:
        if life.locked_at is not None:
            raise BillIsLocked(id=bill)
        kind: type[BillFact] = BillDropped if life.issued is None else BillVoided
        fact = kind(bill_id=bill, account_id=life.account_id, root_id=life.root_id)
        await append_fact(connection, life, version, fact, now, correlation_of(request), actor_of(request))

    await change_bill(request, bill, change)
    return answer(shown)


@router.post("/approve", openapi_extra=takes("accountIds"))
async def approve(request: Request) -> Response:
    """Approve many: bills by id, the pending bills of accounts, or those of the bills that are of these accounts.

    One that nothing is due for any more is dropped, as when bills approve themselves, and not counted.
    """
    api, organization, raw = api_of(request), organization_of(request), await body_of(request)
    listed = several(parameters_of(request), "accountIds")
    body = parse_model(ApproveBody, {"accountIds": listed or None} | (parse_object(raw) if raw else {}))
    asked = idempotency.Request(organization, request.method, request.url.path, key_of(request), raw)
    async with api.postgres.connection() as connection:
        await require_organization(connection, organization)
        payload = await idempotency.first_answer(connection, asked)
    if payload is not None:
        return raw_answer(payload)
    facts = await _approve(request, await _wanted(request, body), approve_or_drop)
    payload = encode({"message": f"{sum(isinstance(fact, BillIssued) for fact in facts)} bills approved"})
    async with commanding(request) as connection:
        # A request with the same key may have come in between: approving again changed nothing, its answer holds.
        first = await idempotency.first_answer(connection, asked)
        if first is None:
            await idempotency.remember(connection, asked, payload)
    return raw_answer(first or payload)


async def _wanted(request: Request, body: ApproveBody) -> list[str]:
    """Ids of the bills to approve, each checked to be there. Raises: UnknownResource, InvalidField."""
    api, organization = api_of(request), organization_of(request)
    if body.bill_ids is None and body.account_ids is None:
        raise InvalidField(field="billIds", rule="is required, or accountIds")
    if body.bill_ids is None:
        await waiter_of(request).until_commands_projected()
        async with reading_live(api.postgres) as connection:
            rows = await connection.fetch(_PENDING_OF, organization, list(body.account_ids or ()))
        return [row["bill_id"] for row in rows]
    async with api.postgres.connection() as connection:
        lives = [await load_life(connection, organization, id) for id in dict.fromkeys(body.bill_ids)]
    return [life.bill_id for life in lives if body.account_ids is None or life.account_id in body.account_ids]


async def _approve(request: Request, bill_ids: list[str], approve: Callable[..., Awaitable[T]]) -> list[T]:
    """What became of each that was pending, one after the other, from all usage that was there at the start."""
    api, organization = api_of(request), organization_of(request)
    async with api.postgres.connection() as connection:
        await require_organization(connection, organization)
        lives = [await load_life(connection, organization, id) for id in bill_ids]
        now = now_of(await load_config(connection, organization))
    pending = [life.bill_id for life in lives if life.pending is not None]
    waiter = waiter_of(request)
    if pending:
        await waiter.until_projected()
    return [await approve(api.postgres, waiter, organization, id, now, actor_of(request)) for id in pending]
