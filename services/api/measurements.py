"""Usage over HTTP: submitted measurements go into topic `usage`, as records like any publisher's, and are judged
there.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from events.topics import USAGE, partition_of, usage_key
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import in_turn, key_of, once_by_itself
from services.api.edges.bodies import BodyTooLargeError, body_of
from services.api.measurement import PAYLOAD_BYTES, Measurements
from services.api.measurement_answers import Accepted, ItemsRefused
from services.api.measurement_bodies import Item, read_items
from services.api.sent import Body, Sent
from services.api.statuses import NotConfirmedError, PayloadTooLargeError
from services.failures import Passing, outside_of
from services.kafka import Record, SharedWriter
from services.sight.tracing import TRACES
from services.store.skeletons import AT_ONCE, make_skeletons
from services.store.view import partitions_of

Headers = Sequence[tuple[str, bytes | None]]
#: The default source of an item: a repeated uid is recognised together with its source.
SOURCE = "/measurements"
#: Characters of the common beginning of a request's ids; with an item's place after it, both fit into a uid.
_STEM = 32
_encode = msgspec.json.Encoder().encode
router = organization_router("usage")
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "Nothing is taken; `refused` says what is wrong with which item.", "model": ItemsRefused},
    503: {"description": "`refused` names what Kafka did not confirm; all else is durable.", "model": ItemsRefused},
}


async def places_of(call: Call, codes: Iterable[str]) -> dict[str, int]:
    """The partition of each account, by code. Missing accounts are created first, if the organization wants that.

    Raises: UnknownOrganization, NoTurnError, PostgresUnreachableError.
    """
    wanted = list(dict.fromkeys(codes))
    async with call.reading() as connection:
        places = await partitions_of(connection, call.organization, wanted)
        missing = [code for code in wanted if code not in places]
        config = (await call.configured(connection)).configured if missing else None
    if config is not None and not config.makes_accounts_of_requests:
        partitions = call.api.generations.partitions
        return places | {code: partition_of(call.organization, code, partitions) for code in missing}
    for start in range(0, len(missing), AT_ONCE):
        places |= await _made(call, missing[start : start + AT_ONCE])
    return places


async def _made(call: Call, codes: Sequence[str]) -> dict[str, int]:
    """Create these accounts; accounts created meanwhile stay unchanged."""

    async with in_turn(call) as turn:
        generations = call.api.generations
        return await make_skeletons(turn.connection, turn.resources, codes, generations, call.correlation, call.actor)


class _Data(msgspec.Struct, omit_defaults=True, gc=False):
    """`services.ingest.cloudevent.UsageData` on the wire."""

    meter: str
    measure: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    income: dict[str, Any] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    ets: str | None = None


class _Event(msgspec.Struct, gc=False):
    """`services.ingest.cloudevent.CloudEvent` on the wire."""

    specversion: str
    type: str
    id: str
    source: str
    subject: str
    time: str
    organization: str
    data: _Data


class Placed(NamedTuple):
    """The records for one partition, and the indexes of their items in the request."""

    records: list[Record]
    indexes: list[int]


def stem_of(organization: str, key: str | None) -> str:
    """The common beginning of the ids of a request's items without ids: equal for equal Idempotency-Keys."""
    return token_hex(_STEM // 2) if key is None else sha256(f"{organization}\0{key}".encode()).hexdigest()[:_STEM]


def placed(
    items: Sequence[Item], organization: str, places: Mapping[str, int], stem: str, headers: Headers = ()
) -> dict[int, Placed]:
    """The records of all items, in their order, by partition; each with these headers."""
    by_partition: dict[int, Placed] = {}
    keys = {code: usage_key(organization, code) for code in places}
    for index, item in enumerate(items):
        account = item.account
        data = _Data(
            item.meter, item.measure, item.cost, item.income,
            item.who, item.what, item.where, item.other, item.metadata, item.ets,
        )  # fmt: skip
        uid = item.uid or f"{stem}-{index}"
        event = _Event("1.0", "trueup.usage", uid, item.source or SOURCE, account, item.ts, organization, data)
        partition = places[account]
        of_partition = by_partition.get(partition)
        if of_partition is None:
            of_partition = by_partition[partition] = Placed([], [])
        of_partition.records.append(Record(keys[account], _encode(event), headers))
        of_partition.indexes.append(index)
    return by_partition


class _Payload(Body[Measurements]):
    """The body of a submission. Raises: PayloadTooLargeError."""

    #: m3ter's ingest refuses a body that is too large with 403.
    refusals = (403, 415)

    async def bytes_of(self, request: Request) -> bytes:
        try:
            return await body_of(request, PAYLOAD_BYTES - 1)
        except BodyTooLargeError:
            raise PayloadTooLargeError(limit=PAYLOAD_BYTES) from None


@router.post("/measurements", response_model=Accepted, responses=_REFUSED)
async def submit(call: Caller, sent: Annotated[Sent[Measurements], Depends(_Payload(Measurements))]) -> Response:
    """Submit usage; the answer comes once Kafka holds all of it. A `uid` counts once per account and source within 35
    days.

    An item without one gets an id of its own: made from the Idempotency-Key and its place, or else random.
    """
    key, traced = key_of(call), TRACES.here()

    async def work() -> dict[str, str]:
        items = read_items(sent.raw)
        places = await places_of(call, (item.account for item in items))
        recognizable = key is not None or all(item.uid is not None for item in items)
        parts = placed(items, call.organization, places, stem_of(call.organization, key), traced)
        await _publish(call.api.usage, parts, recognizable)
        return {"result": "accepted"}

    return await once_by_itself(call, sent, work)


async def _publish(usage: SharedWriter, parts: Mapping[int, Placed], again: bool) -> None:
    """Publish the records. `again`: whether repeated usage counts once.

    Raises: NotConfirmedError, naming the items that may be missing.
    """
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
