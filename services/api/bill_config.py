"""The bill configuration over HTTP: the date up to which all bills are locked."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.resources.organization import BillConfig
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn, in_turn
from services.api.sent import Body, Sent
from services.api.shown import answer_of
from services.api.wire import answer, document_of
from services.commands.bill_rules import BillsPending, bill_config_id
from services.commands.bodies import unread_of
from services.commands.errors import UnknownResource
from services.commands.messages import CreateResource, UpdateResource
from services.commands.table import KINDS
from services.readside.table_rows import pending_up_to
from services.store.view import get

router = organization_router("bills")
_KIND = KINDS["billConfig"]
_BODY = Body(BillConfig, tuple(name for name in unread_of(_KIND) if name != "version"), version="optional")


@router.get("/billconfig", response_model=answer_of(BillConfig))
async def bill_config(call: Caller) -> Response:
    """The bill configuration; there is none before the first PUT."""
    id = bill_config_id(call.organization)
    async with call.reading() as connection:
        config = await get(connection, call.organization, _KIND.name, id)
    if config is None:
        raise UnknownResource(kind=_KIND.name, id=id)
    return answer(document_of(config))


@router.put("/billconfig", response_model=answer_of(BillConfig))
async def configure_bills(call: Caller, sent: Annotated[Sent[BillConfig], Depends(_BODY)]) -> Response:
    """Lock all bills up to a date, those too that are issued for one up to it later; the first PUT needs no version.

    None of them may be pending. What is locked stays so.
    """
    async with call.reading():
        given = sent.read()
    await call.waiter.until_commands_projected()

    async def work(turn: Turn) -> dict[str, Any]:
        id, kind = bill_config_id(call.organization), _KIND.name
        await _check_none_pending(turn, given.body)
        if await get(turn.connection, call.organization, kind, id) is None:
            done = await turn.execute(CreateResource(kind, id, given.body, turn.now))
        else:
            done = await turn.execute(UpdateResource(kind, id, given.body, given.version, turn.now))
        return document_of(_KIND.held(done.after)[id])

    return answer(await in_turn(call, work))


async def _check_none_pending(turn: Turn, body: BillConfig) -> None:
    if body.bill_lock_date is None:
        return
    pending = await pending_up_to(turn.connection, turn.call.organization, body.bill_lock_date)
    if pending:
        raise BillsPending(count=len(pending), date=body.bill_lock_date, id=pending[0])
