"""Usage corrected by its id: an event is voided or amended, before or after its bill."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from events.actors import shown
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields, UsageVoided
from events.resources.base import Code, Model
from events.resources.bounds import Text
from events.resources.catalog import Meter
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once_by_itself
from services.api.correction_answers import CorrectedUsage
from services.api.measurement import MeasuredFields, Time
from services.api.measurements import SOURCE
from services.api.sent import Body, Sent
from services.commands.correction_rules import NUMBERS, TEXTS, LoggedUsage, amend, fields_of, void
from services.commands.errors import UnknownResource
from services.corrections.correcting import Author, Decide, correct
from services.corrections.finding import Named, account_called, find_usage
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.instants import parse_instant
from services.ingest.validate import MAX_ID_LENGTH
from services.store.view import get


class UsageName(Model):
    """An event of usage: `account` is a code, `id` a measurement's `uid`, `source` Trueup's own unless the event named
    one. `ts`, its time, is needed where the id is older than 35 days and the account has much usage.
    """

    account: Code
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_LENGTH)] = SOURCE
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
    ts: Time | None = None
    reason: Text | None = None

    def named(self) -> Named:
        """Which event it names."""
        return Named(self.account, self.source, self.id, None if self.ts is None else parse_instant(self.ts)[0])


class VoidBody(UsageName):
    """POST usage/void: the event counts for nothing any more."""


class AmendBody(UsageName, MeasuredFields):
    """POST usage/amend: the event counts with these fields and no others; its meter and its time stay."""

    def fields(self, meter: Meter) -> UsageFields:
        """What it gives, as the log has it. Raises: InvalidField."""
        return fields_of(meter, {name: getattr(self, name) for name in (*NUMBERS, *TEXTS)})


router = organization_router("usage")


@router.post("/usage/void", response_model=CorrectedUsage)
async def void_usage(call: Caller, sent: Annotated[Sent[VoidBody], Depends(Body(VoidBody))]) -> Response:
    """Take an event of usage out of all that it counts for. Its id stays used; the difference is on the next bill."""

    async def work() -> dict[str, Any]:
        asked = sent.read().body
        usage = await _found(call, asked)
        return await in_turn(call, partial(_correct, usage, lambda stands: void(usage, stands, asked.reason)))

    return await once_by_itself(call, sent, work)


@router.post("/usage/amend", response_model=CorrectedUsage)
async def amend_usage(call: Caller, sent: Annotated[Sent[AmendBody], Depends(Body(AmendBody))]) -> Response:
    """Give an event of usage other fields, in its day, for all that it counts for. A voided one stays voided."""

    async def work() -> dict[str, Any]:
        asked = sent.read().body
        usage = await _found(call, asked)

        async def amended(turn: Turn) -> dict[str, Any]:
            meter = await get(turn.connection, call.organization, "meter", usage.rated.meter_id)
            if meter is None:
                raise UnknownResource(kind="meter", id=usage.rated.meter_id)
            now = asked.fields(meter.body)
            return await _correct(usage, lambda stands: amend(usage, stands, now, asked.reason), turn)

        return await in_turn(call, amended)

    return await once_by_itself(call, sent, work)


async def _found(call: Call, asked: UsageName) -> LoggedUsage:
    """The event. One that is not there is looked for again once all that is in Kafka by now is projected.

    Raises: UnknownResource, InvalidField, ProjectionStalledError, KafkaUnreachableError.
    """
    named = asked.named()
    async with call.reading() as connection:
        account = await account_called(connection, call.organization, named.account)
    where = call.postgres, call.api.cluster, call.organization, account, named
    usage = await find_usage(*where)
    if usage is None:
        await call.waiter.until_projected()
        usage = await find_usage(*where)
    if usage is None:
        raise UnknownResource(kind=f"usage of account {named.account} and source {named.source}", id=named.id)
    return usage


async def _correct(usage: LoggedUsage, decide: Decide, turn: Turn) -> dict[str, Any]:
    call = turn.call
    author = Author(turn.now, call.actor, call.correlation)
    envelope = await correct(turn.connection, usage, decide, author, call.api.generations)
    return _document(usage, envelope)


def _document(usage: LoggedUsage, envelope: Envelope | None) -> dict[str, Any]:
    rated = usage.rated
    document: dict[str, Any] = {
        "eventId": str(usage.event_id),
        "accountId": usage.account_id,
        "source": rated.usage_source,
        "id": rated.usage_id,
        "meterId": rated.meter_id,
        "ts": rated.ts,
        "partition": usage.partition,
        "offset": usage.offset,
        "status": "COUNTED",
        "was": _shown(usage.fields),
    }
    if envelope is None:
        return document
    fact = envelope.data
    assert isinstance(fact, UsageCorrection)
    document |= {
        "status": "VOIDED" if isinstance(fact, UsageVoided) else "AMENDED",
        "was": _shown(fact.was),
        "correctionId": str(envelope.id),
        "dtCreated": envelope.time,
    }
    optional = {
        "now": _shown(fact.now) if isinstance(fact, UsageAmended) else None,
        "reason": fact.reason,
        "createdBy": shown(envelope.actor),
    }
    return document | {name: value for name, value in optional.items() if value is not None}


def _shown(fields: UsageFields) -> dict[str, Any]:
    """Its maps that hold something."""
    return {name: value for name in UsageFields.model_fields if (value := getattr(fields, name))}
