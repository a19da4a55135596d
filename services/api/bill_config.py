"""The bill configuration over HTTP: the date up to which all bills are locked."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from events.resources.organization import BillConfig
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn
from services.api.sent import Sent
from services.api.shown import answer_of
from services.api.singles import put_single, read_single, single_body
from services.commands.bill_rules import BillsPending
from services.commands.table import KINDS
from services.readside.bill_rows import pending_up_to

router = organization_router("bills")
_KIND = KINDS["billConfig"]


@router.get("/billconfig", response_model=answer_of(BillConfig))
async def bill_config(call: Caller) -> Response:
    """The bill configuration; there is none before the first PUT."""
    return await read_single(call, _KIND)


@router.put("/billconfig", response_model=answer_of(BillConfig))
async def configure_bills(call: Caller, sent: Annotated[Sent[BillConfig], Depends(single_body(_KIND))]) -> Response:
    """Lock all bills up to a date, also bills issued later for such a date; the first PUT needs no version.

    None of them may be pending. Locked bills stay locked.
    """
    async with call.reading():
        given = sent.read()
    await call.waiter.until_commands_projected()
    return await put_single(call, _KIND, given, _check_none_pending)


async def _check_none_pending(turn: Turn, body: BillConfig) -> None:
    if body.bill_lock_date is None:
        return
    pending = await pending_up_to(turn.connection, turn.call.organization, body.bill_lock_date)
    if pending:
        raise BillsPending(count=len(pending), date=body.bill_lock_date, id=pending[0])
