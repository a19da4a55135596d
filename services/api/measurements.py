"""Usage over HTTP: what a client submits goes into topic `usage`, like everybody's, and is judged there."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from events.topics import USAGE
from services.api.calls import Caller, organization_router
from services.api.commanding import key_of, once_by_itself
from services.api.edges.bodies import body_of
from services.api.edges.refused import BodyTooLargeError
from services.api.errors import NotConfirmedError, PayloadTooLargeError
from services.api.measurement import PAYLOAD_BYTES, Measurements
from services.api.measurement_accounts import places_of
from services.api.measurement_answers import Accepted, ItemsRefused
from services.api.measurement_bodies import read_items
from services.api.measurement_records import Placed, placed, stem_of
from services.api.sent import Body, Sent
from services.failures import Passing, outside_of
from services.kafka import SharedWriter
from services.sight.tracing import TRACES


class _Payload(Body[Measurements]):
    """The body of a submission. Raises: PayloadTooLargeError."""

    #: m3ter's ingest refuses with 403 what is too large.
    refusals = (403, 415)

    async def bytes_of(self, request: Request) -> bytes:
        try:
            return await body_of(request, PAYLOAD_BYTES - 1)
        except BodyTooLargeError:
            raise PayloadTooLargeError(limit=PAYLOAD_BYTES) from None


router = organization_router("usage")
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "Nothing is taken; `refused` says what is wrong with which item.", "model": ItemsRefused},
    503: {"description": "`refused` names what Kafka did not confirm; all else is durable.", "model": ItemsRefused},
}


@router.post("/measurements", response_model=Accepted, responses=_REFUSED)
async def submit(call: Caller, sent: Annotated[Sent[Measurements], Depends(_Payload(Measurements))]) -> Response:
    """Usage, answered once Kafka holds all of it. A `uid` counts once per account and source within 35 days.

    An item without one gets an id of its own: made of the Idempotency-Key and its place, or else of nothing.
    """
    key, traced = key_of(call), TRACES.here()

    async def work() -> dict[str, str]:
        items = read_items(sent.raw)
        places = await places_of(call, (item.account for item in items))
        known = key is not None or all(item.uid is not None for item in items)
        parts = placed(items, call.organization, places, stem_of(call.organization, key), traced)
        await _publish(call.api.usage, parts, known)
        return {"result": "accepted"}

    return await once_by_itself(call, sent, work)


async def _publish(usage: SharedWriter, parts: Mapping[int, Placed], again: bool) -> None:
    """Raises: NotConfirmedError, which names what may not be there; `again`: sent again it counts once."""
    outcomes = await asyncio.gather(
        *(usage.append(USAGE, partition, part.records) for partition, part in parts.items()), return_exceptions=True
    )
    refused: list[tuple[int, str]] = []
    cause: Passing | None = None
    for part, outcome in zip(parts.values(), outcomes, strict=True):
        if isinstance(outcome, Passing):
            cause = outcome
            refused += [(index, outside_of(outcome)) for index in part.indexes]
        elif isinstance(outcome, BaseException):
            raise outcome
    if refused:
        raise NotConfirmedError(sorted(refused), again=again) from cause
