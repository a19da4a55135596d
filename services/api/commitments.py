"""Paths of commitments and balances beyond the table's: top-up, cancel, history, transactions."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.actors import shown
from events.envelope import Envelope
from events.facts.commitments import BalanceTransacted
from events.resources.credits import BalanceTransaction
from services.api.paging import page_asked
from services.api.queries import PAGING, one, parameters_of, takes
from services.api.requests import api_of, organization_of, require_organization, run_command
from services.api.resources import PREFIX, run_entity_command
from services.api.wire import answer, body_document, parse_object
from services.commands.bodies import parse_model, version_of
from services.commands.errors import UnknownResource
from services.commands.messages import (
    CancelCommitment,
    Cancellation,
    Command,
    TopUp,
    TopUpCommitment,
    TransactBalance,
)
from services.commands.table import KINDS
from services.store.events import read_stream

#: Most transactions on a page, as m3ter has it.
TRANSACTIONS_MAX = 200
#: By whom a transaction may be, as m3ter has it; ours are all by a USER.
_ENTITY_TYPES = ("BILL", "COMMITMENT", "USER", "SERVICE_USER", "SCHEDULER")

router = APIRouter(prefix=PREFIX, tags=["commitments"], default_response_class=Response)


@router.post("/commitments/{id}/topups")
async def top_up(request: Request) -> Response:
    """Raise a commitment's amount from a date on."""
    id: str = request.path_params["id"]

    async def make(_: Any, body: bytes, now: datetime) -> Command:
        document = parse_object(body)
        asked = parse_model(TopUp, document)
        return TopUpCommitment(id, asked.amount, asked.date, asked.recurring, version_of(document), now)

    return await run_entity_command(request, make, KINDS["commitment"], id)


@router.post("/commitments/{id}/cancel")
async def cancel(request: Request) -> Response:
    """End a commitment at a date; the policy says what is still owed."""
    id: str = request.path_params["id"]

    async def make(_: Any, body: bytes, now: datetime) -> Command:
        document = parse_object(body)
        asked = parse_model(Cancellation, document)
        return CancelCommitment(id, asked.date, asked.policy, version_of(document), now)

    return await run_entity_command(request, make, KINDS["commitment"], id)


@router.get("/commitments/{id}/history")
async def history(request: Request) -> Response:
    """The commitment's facts, oldest first; of a deleted one too."""
    events = await _stream(request, "commitment")
    return answer({"data": [_event_document(version, envelope) for version, envelope in events]})


@router.post("/balances/{id}/transactions")
async def transact(request: Request) -> Response:
    """Put credit on a balance, or take it off."""
    id, transaction_id = request.path_params["id"], str(uuid4())

    async def make(_: Any, body: bytes, now: datetime) -> Command:
        return TransactBalance(id, parse_model(BalanceTransaction, parse_object(body)), transaction_id, now)

    return await run_command(request, make, lambda done, _: _transaction_document(done.events[0]))


@router.get(
    "/balances/{id}/transactions",
    openapi_extra=takes(*PAGING, "transactionTypeId", "entityId", entityType=_ENTITY_TYPES),
)
async def transactions(request: Request) -> Response:
    """A balance's transactions, newest first."""
    found = parameters_of(request)
    page = page_asked(found, TRANSACTIONS_MAX)
    held = []
    for version, envelope in reversed(await _stream(request, "balance")):
        document = _transaction_document(envelope) if isinstance(envelope.data, BalanceTransacted) else None
        if document is not None and (page.before is None or version < page.before) and _wanted(document, found):
            held.append((version, document))
    return page.answer([document for _, document in page.shown(held)], held, lambda placed: placed[0])


def _wanted(document: dict[str, Any], found: dict[str, list[str]]) -> bool:
    names = ("transactionTypeId", "entityType", "entityId")
    return all(document.get(name) == one(found, name) for name in names if name in found)


async def _stream(request: Request, kind: str) -> list[tuple[int, Envelope]]:
    """Events of the path's resource with their versions. Raises: UnknownResource."""
    organization, id = organization_of(request), request.path_params["id"]
    api = api_of(request)
    async with api.postgres.connection() as connection:
        await require_organization(connection, organization)
        events = await read_stream(connection, organization, f"{kind}-{id}", api.generations.commands)
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
