"""Paths of kinds that an organization has exactly one resource of: read, and replaced as a whole. The first PUT of one
needs no version.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from services.api.calls import Call
from services.api.commanding import Turn, in_turn
from services.api.sent import Body, Given
from services.api.wire import answer, document_of
from services.commands.bodies import unread_of
from services.commands.kind import Kind
from services.commands.messages import CreateResource, UpdateResource
from services.commands.refused import UnknownResource
from services.store.view import get

#: A check in addition to the kind's own rules, made inside the transaction.
Check = Callable[[Turn, Any], Awaitable[None]]


def single_body(kind: Kind) -> Body[Any]:
    """The body of the kind's PUT."""
    return Body(kind.model, tuple(name for name in unread_of(kind) if name != "version"), version="optional")


async def read_single(call: Call, kind: Kind) -> Response:
    """Answer with the resource. Raises: UnknownResource before the first PUT."""
    id = kind.single_id(call.organization)
    async with call.reading() as connection:
        entity = await get(connection, call.organization, kind.name, id)
    if entity is None:
        raise UnknownResource(kind=kind.name, id=id)
    return answer(document_of(entity))


async def put_single(call: Call, kind: Kind, given: Given[Any], check: Check | None = None) -> Response:
    """Create or replace the resource, and answer with it. Raises: errors of the check and of the kind's rules."""

    id = kind.single_id(call.organization)
    async with in_turn(call) as turn:
        if check is not None:
            await check(turn, given.body)
        if await get(turn.connection, call.organization, kind.name, id) is None:
            done = await turn.execute(CreateResource(kind.name, id, given.body, turn.now))
        else:
            done = await turn.execute(UpdateResource(kind.name, id, given.body, given.version, turn.now))
    return answer(document_of(kind.held(done.after)[id]))
