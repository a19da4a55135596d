"""Paths of commitments and balances beyond the table's: top-up, cancel, history, transactions."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response

from events.actors import shown
from events.envelope import Envelope
from events.facts.commitments import BalanceTransacted
from events.resources.credits import BalanceTransaction
from projections.entities import Entity
from services.api.answers import HistoryEntry, TransactionShown
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, once, once_with_entity
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Text
from services.api.sent import Body, Sent
from services.api.shown import answer_of, answer_of_kind, listed
from services.api.wire import answer, body_document
from services.commands.errors import UnknownResource
from services.commands.messages import CancelCommitment, Cancellation, TopUp, TopUpCommitment, TransactBalance
from services.commands.table import KINDS
from services.store.events import read_stream

#: Most transactions on a page, as m3ter has it.
TRANSACTIONS_MAX = 200
#: By whom a transaction may be, as m3ter has it; ours are all by a USER.
_ENTITY_TYPES = ("BILL", "COMMITMENT", "USER", "SERVICE_USER", "SCHEDULER")
_COMMITMENT = KINDS["commitment"]
_TRANSACTION = answer_of(BalanceTransaction, TransactionShown)
_TOP_UP, _CANCELLATION = Body(TopUp, version="required"), Body(Cancellation, version="required")
_TYPE_ID, _ENTITY_ID, _ENTITY_TYPE = Text("transactionTypeId"), Text("entityId"), Choice("entityType", _ENTITY_TYPES)

router = organization_router("commitments")


@router.post("/commitments/{id}/topups", response_model=answer_of_kind(_COMMITMENT))
async def top_up(call: Caller, id: str, sent: Annotated[Sent[TopUp], Depends(_TOP_UP)]) -> Response:
    """Raise a commitment's amount from a date on."""

    async def work(turn: Turn) -> Entity[Any]:
        given = sent.read()
        asked = given.body
        command = TopUpCommitment(id, asked.amount, asked.date, asked.recurring, given.version, turn.now)
        return (await turn.execute(command)).after.commitments[id]

    return await once_with_entity(call, sent, _COMMITMENT, work)


@router.post("/commitments/{id}/cancel", response_model=answer_of_kind(_COMMITMENT))
async def cancel(call: Caller, id: str, sent: Annotated[Sent[Cancellation], Depends(_CANCELLATION)]) -> Response:
    """End a commitment at a date; the policy says what is still owed."""

    async def work(turn: Turn) -> Entity[Any]:
        given = sent.read()
        command = CancelCommitment(id, given.body.date, given.body.policy, given.version, turn.now)
        return (await turn.execute(command)).after.commitments[id]

    return await once_with_entity(call, sent, _COMMITMENT, work)


@router.get("/commitments/{id}/history", response_model=listed(HistoryEntry))
async def history(call: Caller, id: str) -> Response:
    """The commitment's facts, oldest first; of a deleted one too."""
    events = await _stream(call, "commitment", id)
    return answer({"data": [_event_document(version, envelope) for version, envelope in events]})


@router.post("/balances/{id}/transactions", response_model=_TRANSACTION)
async def transact(
    call: Caller, id: str, sent: Annotated[Sent[BalanceTransaction], Depends(Body(BalanceTransaction))]
) -> Response:
    """Put credit on a balance, or take it off."""

    async def work(turn: Turn) -> dict[str, Any]:
        done = await turn.execute(TransactBalance(id, sent.read().body, str(uuid4()), turn.now))
        return _transaction_document(done.events[0])

    return await once(call, sent, work)


@router.get("/balances/{id}/transactions", response_model=listed(_TRANSACTION))
async def transactions(
    call: Caller,
    id: str,
    page: Annotated[Page, Depends(Paging(TRANSACTIONS_MAX))],
    type_id: Annotated[str | None, Depends(_TYPE_ID)],
    entity_id: Annotated[str | None, Depends(_ENTITY_ID)],
    entity_type: Annotated[str | None, Depends(_ENTITY_TYPE)],
) -> Response:
    """A balance's transactions, newest first."""
    asked = {"transactionTypeId": type_id, "entityId": entity_id, "entityType": entity_type}
    wanted = {name: value for name, value in asked.items() if value is not None}
    held = [
        (version, document)
        for version, envelope in reversed(await _stream(call, "balance", id))
        if isinstance(envelope.data, BalanceTransacted)
        and wanted.items() <= (document := _transaction_document(envelope)).items()
    ]
    entries = page.fetched_of(held, lambda placed: placed[0])
    return page.answer([document for _, document in page.shown(entries)], entries, lambda placed: placed[0])


async def _stream(call: Call, kind: str, id: str) -> list[tuple[int, Envelope]]:
    """Events of the resource with their versions. Raises: UnknownResource."""
    async with call.reading() as connection:
        events = await read_stream(connection, call.organization, f"{kind}-{id}", call.api.generations.commands)
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


def _transaction_document(envelope: Envelope) -> dict[str, Any]:
    fact = envelope.data
    assert isinstance(fact, BalanceTransacted)
    return {
        "id": fact.transaction_id,
        "version": 1,
        **body_document(fact.details),
        "entityType": "USER",
        "dtCreated": envelope.time,
        "dtLastModified": envelope.time,
        "createdBy": shown(envelope.actor),
        "lastModifiedBy": shown(envelope.actor),
    }
