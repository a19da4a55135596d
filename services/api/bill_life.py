"""Changes of a bill over HTTP: approve, lock, void or drop."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends
from starlette.responses import Response

from events.facts.bills import BillDropped, BillFact, BillIssued, BillLocked, BillVoided
from services.api.answers import BillAnswer, Told
from services.api.bill_bodies import ApproveBody, StatusBody
from services.api.bill_documents import document_of, one_bill
from services.api.bill_filters import INVOICED_RANGE
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once_by_itself
from services.api.filters import Conditions
from services.api.parameters import Texts
from services.api.sent import Body, Sent
from services.api.wire import answer
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
from services.commands.bill_rules import is_locked
from services.commands.refused import InvalidField
from services.readside.bill_rows import IS_OF_ACCOUNTS, IS_ONE_OF, pending_bills
from services.readside.live import reading_live
from services.store.billed import read_lock_date
from services.store.events import StreamMovedError
from services.store.execute import now_of
from services.store.listing import SqlCondition

P = ParamSpec("P")
T = TypeVar("T")
router = organization_router("bills", prefix="/bills")
_STATUS, _APPROVAL = Body(StatusBody), Body(ApproveBody, may_be_absent=True)


@dataclass(frozen=True, slots=True)
class Changing:
    """A bill in a transaction that changes it; `version` is that of its account's stream of bills."""

    turn: Turn
    life: BillLife
    version: int

    async def append(self, fact: BillFact) -> None:
        """Append a fact, and evolve the bill. Raises: BillContentionError if a bill run was faster."""
        turn, call = self.turn, self.turn.call
        try:
            await append_fact(turn.connection, self.life, self.version, fact, turn.now, call.correlation, call.actor)
        except StreamMovedError as error:
            raise BillContentionError(self.life.root_id) from error


async def bill_to_change(turn: Turn, bill_id: str) -> Changing:
    """The bill to change. Raises: UnknownResource."""
    return Changing(turn, *await load_to_change(turn.connection, turn.call.organization, bill_id))


def again_if_outrun(handler: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Runs a handler that changes a bill up to ATTEMPTS times, while bill runs, which take no turns, are faster."""

    @wraps(handler)
    async def again(*arguments: P.args, **named: P.kwargs) -> T:
        for _ in range(ATTEMPTS - 1):
            with suppress(BillContentionError):
                return await handler(*arguments, **named)
        return await handler(*arguments, **named)

    return again


@router.put("/{bill}/status", response_model=BillAnswer)
async def set_status(call: Caller, bill: str, sent: Annotated[Sent[StatusBody], Depends(_STATUS)]) -> Response:
    """Approve a pending bill. An approved bill stays approved."""
    body = sent.read().body
    if body.status == "APPROVED":
        await _approve(call, [bill], partial(approve_bill, seen=body.bill_total))
    shown = await one_bill(call, bill)
    if shown["status"] != body.status:
        raise BillNotPending(id=bill, rule="has the status PENDING")
    return answer(shown)


@router.put("/{bill}/lock", response_model=BillAnswer)
@again_if_outrun
async def lock(call: Caller, bill: str) -> Response:
    """Lock an approved bill; the request has no body. A locked bill does not change."""

    async with in_turn(call) as turn:
        changing = await bill_to_change(turn, bill)
        life = changing.life
        if life.issued is None:
            raise BillStillPending(id=bill)
        if life.locked_at is None:
            await changing.append(BillLocked(bill_id=bill, account_id=life.account_id, root_id=life.root_id))
    return answer(await document_of(call, life))


@router.delete("/{bill}", response_model=BillAnswer)
@again_if_outrun
async def delete(call: Caller, bill: str) -> Response:
    """Drop a pending bill, void an approved one: all that it billed is due again. The answer is the bill as it was."""
    shown = await one_bill(call, bill)

    async with in_turn(call) as turn:
        changing = await bill_to_change(turn, bill)
        life = changing.life
        issued, lock_date = life.issued, await read_lock_date(turn.connection, call.organization)
        if life.locked_at is not None or (issued is not None and is_locked(issued.bill_date, lock_date)):
            raise BillIsLocked(id=bill)
        kind: type[BillFact] = BillDropped if life.issued is None else BillVoided
        await changing.append(kind(bill_id=bill, account_id=life.account_id, root_id=life.root_id))
    return answer(shown)


@router.post("/approve", response_model=Told)
async def approve(
    call: Caller,
    listed: Annotated[list[str], Depends(Texts("accountIds"))],
    invoiced: Annotated[list[SqlCondition], Depends(Conditions(INVOICED_RANGE))],
    sent: Annotated[Sent[ApproveBody], Depends(_APPROVAL)],
) -> Response:
    """Approve many bills: by id, the pending bills of accounts, or those of the bills that are of these accounts; of
    either, those whose external invoice date lies in a range.

    A bill without due amounts is dropped, as when bills approve themselves, and not counted.
    """

    async def work() -> dict[str, Any]:
        body = sent.read(accountIds=listed or None).body
        facts = await _approve(call, await _wanted(call, body, invoiced), approve_or_drop)
        return {"message": f"{sum(isinstance(fact, BillIssued) for fact in facts)} bills approved"}

    return await once_by_itself(call, sent, work)


async def _wanted(call: Call, body: ApproveBody, invoiced: list[SqlCondition]) -> list[str]:
    """Ids of the bills to approve; each named bill must exist. Raises: UnknownResource, InvalidField."""
    if body.bill_ids is None and body.account_ids is None and not invoiced:
        raise InvalidField(field="billIds", rule="is required, or accountIds")
    if body.bill_ids is None:
        of_accounts = [SqlCondition(IS_OF_ACCOUNTS, list(body.account_ids))] if body.account_ids else []
        return await _pending(call, [*of_accounts, *invoiced])
    async with call.postgres.connection() as connection:
        lives = [await load_life(connection, call.organization, id) for id in dict.fromkeys(body.bill_ids)]
    named = [life.bill_id for life in lives if body.account_ids is None or life.account_id in body.account_ids]
    return await _pending(call, [SqlCondition(IS_ONE_OF, named), *invoiced]) if invoiced else named


async def _pending(call: Call, conditions: list[SqlCondition]) -> list[str]:
    """Ids of the pending bills that fulfil all conditions, as of the last command."""
    await call.waiter.until_commands_projected()
    async with reading_live(call.postgres) as connection:
        return await pending_bills(connection, call.organization, conditions)


async def _approve(call: Call, bill_ids: list[str], approve: Callable[..., Awaitable[T]]) -> list[T]:
    """The result for each pending bill, one after the other, from all usage that existed at the start."""
    async with call.reading() as connection:
        lives = [await load_life(connection, call.organization, id) for id in bill_ids]
        now = now_of(await call.configured(connection))
    pending = [life.bill_id for life in lives if life.pending is not None]
    waiter = call.waiter
    if pending:
        await waiter.until_projected()
    return [await approve(call.postgres, waiter, call.organization, id, now, call.actor) for id in pending]
