"""Paths of commitments beyond the table's: top-up, cancel, history."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.envelope import Envelope
from projections.entities import Entity
from services.api.answers import HistoryEntry
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, once_settled
from services.api.sent import Body, Sent
from services.api.shown import answer_of_kind, listed
from services.api.wire import answer
from services.commands.messages import CancelCommitment, Cancellation, TopUp, TopUpCommitment
from services.commands.refused import UnknownResource
from services.commands.table import KINDS
from services.store.events import read_stream
from services.store.streams import stream_of_resource

_COMMITMENT = KINDS["commitment"]
_TOP_UP, _CANCELLATION = Body(TopUp, version="required"), Body(Cancellation, version="required")

router = organization_router("commitments")


@router.post("/commitments/{id}/topups", response_model=answer_of_kind(_COMMITMENT))
async def top_up(call: Caller, id: str, sent: Annotated[Sent[TopUp], Depends(_TOP_UP)]) -> Response:
    """Raise a commitment's amount from a date on."""

    async def work(turn: Turn) -> Entity[Any]:
        given = sent.read()
        top_up = given.body
        command = TopUpCommitment(id, top_up.amount, top_up.date, top_up.recurring, given.version, turn.now)
        return (await turn.execute(command)).after.commitments[id]

    return await once_settled(call, sent, _COMMITMENT, work)


@router.post("/commitments/{id}/cancel", response_model=answer_of_kind(_COMMITMENT))
async def cancel(call: Caller, id: str, sent: Annotated[Sent[Cancellation], Depends(_CANCELLATION)]) -> Response:
    """End a commitment at a date; the policy says what is still owed."""

    async def work(turn: Turn) -> Entity[Any]:
        given = sent.read()
        command = CancelCommitment(id, given.body.date, given.body.policy, given.version, turn.now)
        return (await turn.execute(command)).after.commitments[id]

    return await once_settled(call, sent, _COMMITMENT, work)


@router.get("/commitments/{id}/history", response_model=listed(HistoryEntry))
async def history(call: Caller, id: str) -> Response:
    """The commitment's facts, oldest first; also of a deleted commitment."""
    events = await stream_of(call, "commitment", id)
    return answer({"data": [_event_document(version, envelope) for version, envelope in events]})


async def stream_of(call: Call, kind: str, id: str) -> list[tuple[int, Envelope]]:
    """Events of the resource with their versions. Raises: UnknownResource."""
    async with call.reading() as connection:
        events = await read_stream(
            connection, call.organization, stream_of_resource(kind, id), call.api.generations.commands
        )
    if not events:
        raise UnknownResource(kind=kind, id=id)
    return events


def _event_document(version: int, envelope: Envelope) -> dict[str, Any]:
    data = envelope.data.model_dump(by_alias=True, exclude_unset=True)
    return {
        "id": str(envelope.id),
        "type": envelope.type,
        "version": version,
        "position": envelope.sequence,
        "time": envelope.time,
        "data": data,
    }
