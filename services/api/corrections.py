"""Corrections of usage by its id: an event is voided or amended, before or after it was billed; or a dry run tells the
effect.
"""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields
from events.resources.base import Code, Day, Model
from events.resources.bounds import Text
from events.resources.catalog import Meter
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, answer_at_last, answer_before, in_turn, once_by_itself
from services.api.corrected import corrected_document, event_document, in_money, said_of
from services.api.correction_answers import CorrectingUsage
from services.api.families import family_of
from services.api.measurement import MeasuredFields, Time
from services.api.measurements import SOURCE
from services.api.sent import Body, Sent
from services.commands.correction_rules import NUMBERS, TEXTS, LoggedUsage, amend, fields_of, latest, stands_of, void
from services.commands.refused import UnknownResource
from services.corrections.choosing import SupposedChange
from services.corrections.correct import Author, correct, corrections_of
from services.corrections.usage_in_log import EventNames, account_called, find_usage
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.instants import parse_instant
from services.ingest.validate import MAX_ID_LENGTH
from services.personal.fields import Rewrite, changed_usage
from services.personal.keys import SealersOf, sealers_of, sealers_to_try
from services.readside.horizon import bill_day
from services.store.view import get


class UsageName(Model):
    """A usage event: `account` is a code, `id` a measurement's `uid`, `source` Trueup's own unless the event has
    another. `ts`, the event's time, is needed if the id is older than 35 days and the account has much usage.

    With `dryRun` nothing is corrected; `lastDateInBillingPeriod` is the date of the bills that are compared, by default
    today.
    """

    account: Code
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_LENGTH)] = SOURCE
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
    ts: Time | None = None
    reason: Text | None = None
    dry_run: bool = False
    last_date_in_billing_period: Day | None = None

    def named(self) -> EventNames:
        """The event's identification."""
        return EventNames(self.account, self.source, self.id, None if self.ts is None else parse_instant(self.ts)[0])


class VoidBody(UsageName):
    """POST usage/void: the event does not count any more."""


class AmendBody(UsageName, MeasuredFields):
    """POST usage/amend: the event counts with these fields and no others; its meter and its time stay."""

    def fields(self, meter: Meter) -> UsageFields:
        """The given fields, in the form of the log. Raises: InvalidField."""
        return fields_of(meter, {name: getattr(self, name) for name in (*NUMBERS, *TEXTS)})


router = organization_router("usage")


@router.post("/usage/void", response_model=CorrectingUsage)
async def void_usage(call: Caller, sent: Annotated[Sent[VoidBody], Depends(Body(VoidBody))]) -> Response:
    """Void a usage event: it counts for nothing any more. Its id stays used; the difference is on the next bill."""

    async def work() -> dict[str, Any]:
        asked = sent.read().body
        usage = await _found(call, asked)
        if asked.dry_run:
            async with call.reading() as connection:
                decided = await _voiding(call, connection, asked, usage)
            return await _tried(call, asked, usage, decided)
        async with in_turn(call) as turn:
            return await _corrected(turn, usage, await _voiding(call, turn.connection, asked, usage))

    return await once_by_itself(call, sent, work)


@router.post("/usage/amend", response_model=CorrectingUsage)
async def amend_usage(call: Caller, sent: Annotated[Sent[AmendBody], Depends(Body(AmendBody))]) -> Response:
    """Replace the fields of a usage event; its meter and its time stay. A voided event stays voided."""

    async def work() -> dict[str, Any] | bytes:
        asked = sent.read().body
        usage = await _found(call, asked)
        if asked.dry_run:
            async with call.reading() as connection:
                decided = await _amending(call, connection, asked, usage, sealers_to_try)
            return await _tried(call, asked, usage, decided)
        async with in_turn(call) as turn:
            before = await answer_before(turn, sent)
            if before is not None:
                return before
            corrected = await _corrected(turn, usage, await _amending(call, turn.connection, asked, usage, sealers_of))
            return await answer_at_last(turn, sent, corrected)

    return await once_by_itself(call, sent, work)


class _Decided(NamedTuple):
    """The earlier corrections of an event, oldest first, and the new one; None: the event already has the wanted
    state.
    """

    earlier: list[Envelope]
    fact: UsageCorrection | None


async def _voiding(call: Call, connection: Any, asked: VoidBody, usage: LoggedUsage) -> _Decided:
    earlier = await corrections_of(connection, usage, call.api.generations)
    return _Decided(earlier, void(usage, stands_of(usage, earlier), asked.reason))


async def _amending(call: Call, connection: Any, asked: AmendBody, usage: LoggedUsage, sealers: SealersOf) -> _Decided:
    """Decide an amendment. Raises: UnknownResource, InvalidField, UsageIsVoided, NoPersonalKeyError."""
    meter = await get(connection, call.organization, "meter", usage.rated.meter_id)
    if meter is None:
        raise UnknownResource(kind="meter", id=usage.rated.meter_id)
    now, seal = asked.fields(meter.body), await _seal_of(call, connection, usage, sealers)
    earlier = await corrections_of(connection, usage, call.api.generations)
    stands = stands_of(usage, earlier)
    return _Decided(earlier, amend(usage, stands, changed_usage(now, seal, stands), asked.reason))


async def _seal_of(call: Call, connection: Any, usage: LoggedUsage, sealers: SealersOf) -> Rewrite:
    """The rewriting of texts of `who`: they are sealed as ingest seals them, if the organization keeps keys.

    Raises: NoPersonalKeyError.
    """
    if not (await call.configured(connection)).keeps_keys:
        return lambda text, before: text
    of_account = await sealers(connection, call.organization, [usage.account_id], call.api.keyring)
    return of_account[usage.account_id].seal_over


async def _found(call: Call, usage_name: UsageName) -> LoggedUsage:
    """The named event. If it is not found, the search is repeated once everything that is now in Kafka is projected.

    Raises: UnknownResource, InvalidField, ProjectionStalledError, KafkaUnreachableError.
    """
    named = usage_name.named()
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


async def _tried(call: Call, asked: UsageName, usage: LoggedUsage, decided: _Decided) -> dict[str, Any]:
    """The answer of a dry run: the state that the event would have, and the effect on the bills of its family."""
    earlier, fact = decided
    now = await family_of(call, usage.account_id)
    through = bill_day(asked.last_date_in_billing_period, now.today)
    tried: dict[str, Any] = {"dryRun": True, "billDate": through}
    if fact is None:
        return _as_it_stands(usage, latest(earlier)) | tried | {"bills": []}
    stands = fact.now if isinstance(fact, UsageAmended) else None
    return (
        event_document(usage)
        | tried
        | said_of(fact)
        | {"bills": await in_money(call, now, [SupposedChange(usage, stands)], through)}
    )


async def _corrected(turn: Turn, usage: LoggedUsage, decided: _Decided) -> dict[str, Any]:
    author = Author(turn.now, turn.call.actor, turn.call.correlation)
    return _as_it_stands(usage, await correct(turn.connection, usage, *decided, author, turn.call.api.generations))


def _as_it_stands(usage: LoggedUsage, last: Envelope | None) -> dict[str, Any]:
    """The event's document as its last correction left it; `last` None: it was never corrected."""
    return event_document(usage) if last is None else corrected_document(last) | {"partition": usage.partition}
