"""Usage corrected by its id: an event is voided or amended, before or after its bill; or what that would do is told."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields
from events.resources.base import Code, Day, Model
from events.resources.bounds import Text
from events.resources.catalog import Meter
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, at_last, in_turn, once_by_itself
from services.api.corrected import corrected_document, event_document, in_money, said_of
from services.api.correction_answers import CorrectingUsage
from services.api.families import family_of
from services.api.measurement import MeasuredFields, Time
from services.api.measurements import SOURCE
from services.api.sent import Body, Sent
from services.billing.run import through_of
from services.commands.correction_rules import NUMBERS, TEXTS, LoggedUsage, amend, fields_of, latest, stands_of, void
from services.commands.refused import UnknownResource
from services.corrections.choosing import Change
from services.corrections.correct import Author, Decide, correct, corrections_of
from services.corrections.usage_in_log import Named, account_called, find_usage
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.instants import parse_instant
from services.ingest.validate import MAX_ID_LENGTH
from services.personal.fields import Rewrite, changed_usage
from services.personal.keys import sealers_of
from services.store.view import get


class UsageName(Model):
    """An event of usage: `account` is a code, `id` a measurement's `uid`, `source` Trueup's own unless the event named
    one. `ts`, its time, is needed where the id is older than 35 days and the account has much usage.

    With `dryRun` nothing is corrected; `lastDateInBillingPeriod` is that of the bills that are compared, today without
    it.
    """

    account: Code
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_LENGTH)] = SOURCE
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
    ts: Time | None = None
    reason: Text | None = None
    dry_run: bool = False
    last_date_in_billing_period: Day | None = None

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


@router.post("/usage/void", response_model=CorrectingUsage)
async def void_usage(call: Caller, sent: Annotated[Sent[VoidBody], Depends(Body(VoidBody))]) -> Response:
    """Take an event of usage out of all that it counts for. Its id stays used; the difference is on the next bill."""

    async def work() -> dict[str, Any]:
        asked = sent.read().body
        usage = await _found(call, asked)

        def decide(stands: UsageFields | None) -> UsageCorrection | None:
            return void(usage, stands, asked.reason)

        if asked.dry_run:
            return await _tried(call, asked, usage, decide)
        return await in_turn(call, partial(_correct, usage, decide))

    return await once_by_itself(call, sent, work)


@router.post("/usage/amend", response_model=CorrectingUsage)
async def amend_usage(call: Caller, sent: Annotated[Sent[AmendBody], Depends(Body(AmendBody))]) -> Response:
    """Give an event of usage other fields, in its day, for all that it counts for. A voided one stays voided."""

    async def work() -> dict[str, Any] | bytes:
        asked = sent.read().body
        usage = await _found(call, asked)

        async def decision(connection: Any) -> Decide:
            meter = await get(connection, call.organization, "meter", usage.rated.meter_id)
            if meter is None:
                raise UnknownResource(kind="meter", id=usage.rated.meter_id)
            now, seal = asked.fields(meter.body), await _seal_of(call, connection, usage)
            return lambda stands: amend(usage, stands, changed_usage(now, seal, stands), asked.reason)

        if asked.dry_run:
            async with call.reading() as connection:
                decide = await decision(connection)
            return await _tried(call, asked, usage, decide)

        async def amended(turn: Turn) -> bytes:
            async def correction() -> dict[str, Any]:
                return await _correct(usage, await decision(turn.connection), turn)

            return await at_last(turn, sent, correction)

        return await in_turn(call, amended)

    return await once_by_itself(call, sent, work)


async def _seal_of(call: Call, connection: Any, usage: LoggedUsage) -> Rewrite:
    """What becomes of a text of `who`: it is sealed, as ingest would have it. Raises: NoPersonalKeyError."""
    config = (await call.configured(connection)).configured
    if config is None or not config.keeps_keys:
        return lambda text, before: text
    sealers = await sealers_of(connection, call.organization, [usage.account_id], call.api.keyring)
    return sealers[usage.account_id].seal_over


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


async def _tried(call: Call, asked: UsageName, usage: LoggedUsage, decide: Decide) -> dict[str, Any]:
    """What would hold, and what that does to the account's next bill. Raises: UsageIsVoided."""
    async with call.reading() as connection:
        before = await corrections_of(connection, usage, call.api.generations)
    fact = decide(stands_of(usage, before))
    now = await family_of(call, usage.account_id)
    last = asked.last_date_in_billing_period
    through = now.today if last is None else through_of(last)
    tried: dict[str, Any] = {"dryRun": True, "billDate": through}
    if fact is None:  # it is so already
        return _as_it_stands(usage, latest(before)) | tried | {"bills": []}
    stands = fact.now if isinstance(fact, UsageAmended) else None
    return (
        event_document(usage)
        | tried
        | said_of(fact)
        | {"bills": await in_money(call, now, [Change(usage, stands)], through)}
    )


async def _correct(usage: LoggedUsage, decide: Decide, turn: Turn) -> dict[str, Any]:
    call = turn.call
    author = Author(turn.now, call.actor, call.correlation)
    return _as_it_stands(usage, await correct(turn.connection, usage, decide, author, call.api.generations))


def _as_it_stands(usage: LoggedUsage, last: Envelope | None) -> dict[str, Any]:
    """The event by its last correction."""
    return event_document(usage) if last is None else corrected_document(last) | {"partition": usage.partition}
