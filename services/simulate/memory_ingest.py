"""Usage of a story in memory: judged and deduplicated by ingest's own rules, added up by day, and corrected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from events.dates import instant_text
from events.decimals import parse_decimal
from events.envelope import event_id
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields
from events.facts.usage import UsageRated
from events.sources import ID_HASH_BYTES, usage_source
from projections.aggregates import DayState, TotalsKey, contributions, merge, meter_aggregation
from projections.calendar import local_day
from projections.corrections import texts_of
from projections.resources import Resources
from projections.usage import joined
from services.commands.correction_rules import LoggedUsage, amend, fields_of, void
from services.commands.refused import CommandError, UnknownResource
from services.ingest.cloudevent import CloudEvent, UsageData
from services.ingest.directory import Directory, KnownAccount, KnownMeter, directory_of
from services.ingest.instants import LATEST, Arrival
from services.ingest.lane import Lane, find_account, find_meter, lane_of
from services.ingest.validate import Usage, accept, conflict
from services.personal.fields import changed_usage, marked_by
from services.personal.sealed import Sealer
from services.refusals.refusal import Refused
from services.simulate.memory_held import MemoryHeld
from services.simulate.naming import NUMBERS, SOURCE, TEXTS, refusal
from services.simulate.player import RefusedError, UsageRecord

#: Time stands still in memory, so no usage is too far in the future.
_ARRIVED = Arrival(0, LATEST, instant_text(LATEST), LATEST)


#: Decides on a correction: from the event and its present fields to the fact, None if there is nothing to do.
_Decide = Callable[[LoggedUsage, UsageFields | None], UsageCorrection | None]


@dataclass(slots=True)
class _Event:
    """An accepted record. `said`: the fields that an amendment gave it, None without one."""

    record: UsageRecord
    usage: Usage
    said: UsageFields | None = None
    voided: bool = False

    @property
    def fields(self) -> UsageFields | None:
        """The event's fields after all corrections; None if it was voided."""
        if self.voided:
            return None
        return self.said or UsageFields.model_validate({"measure": self.usage.numbers, **self.usage.texts})

    def logged(self, organization: str, offset: int) -> LoggedUsage:
        """The event as it would be in a log with a single partition."""
        usage, fields = self.usage, UsageFields.model_validate({"measure": self.usage.numbers, **self.usage.texts})
        rated = UsageRated(
            usage_id=usage.usage_id,
            usage_source=usage.publisher.source,
            meter_id=usage.lane.meter.id,
            ts=usage.ts,
            catalog_offset=0,
            digest=usage.digest.hex(),
            **dict(fields),
        )
        id = event_id(usage_source("simulate", 0), offset)
        return LoggedUsage(organization, usage.lane.account.id, 0, offset, id, rated)


class MemoryUsage:
    """Quantities of accepted usage by account, aggregation, segment and day. Ids are remembered for ever.

    `sealer`: gives the sealer of an account's personal texts, by the account's id, for organizations that keep keys.
    """

    def __init__(self, sealer: Callable[[str], Sealer]) -> None:
        self._sealer = sealer
        self.totals: dict[TotalsKey, dict[date, DayState]] = {}
        #: The content of every accepted usage id, both as digests.
        self._content: dict[bytes, bytes] = {}
        #: By account, source and uid, in the order of arrival.
        self._events: dict[tuple[str, str, str], _Event] = {}
        self._refused: list[RefusedError] = []
        self.held = MemoryHeld()

    def send(self, resources: Resources, record: UsageRecord, now: datetime) -> None:
        """Accept the record if ingest would, or hold it; `arrive` raises its refusal."""
        sent = _event(resources.organization, record)
        directory = directory_of(resources)
        try:
            lane = self._lane(directory, find_account(sent, directory), find_meter(sent, directory))
            usage = accept(sent, lane, _ARRIVED)
            if self._is_new(usage):
                event = self._events[record.account, record.source, record.uid] = _Event(record, usage)
                self._add(resources, event)
        except Refused as error:
            if error.hold is None:
                self._refused.append(refusal(error.rule))
            else:
                self.held.hold(record, error, now)

    def release(self, resources: Resources, now: datetime) -> None:
        """Send held records again whose account or meter now exists; they may then wait for something else."""
        self.held.expire(now)
        while records := self.held.let_go(directory_of(resources)):
            for record in records:
                self.send(resources, record, now)

    def recount(self, resources: Resources) -> None:
        """Add up all usage anew, after a change of what is counted."""
        self.totals = {}
        for event in self._events.values():
            self._add(resources, event)

    def arrive(self) -> None:
        """Finish sending. Raises: RefusedError, the first since the last call."""
        refused, self._refused = self._refused, []
        if refused:
            raise refused[0]

    def void(self, resources: Resources, account: str, uid: str) -> None:
        """Void an event of the file. Raises: RefusedError."""
        self._correct(resources, account, uid, lambda usage, stands: void(usage, stands, None))

    def amend(
        self, resources: Resources, account: str, uid: str, values: Mapping[str, Mapping[str, Any] | None]
    ) -> None:
        """Replace the fields of an event of the file. Raises: RefusedError."""

        def decided(usage: LoggedUsage, stands: UsageFields | None) -> UsageCorrection | None:
            fields = fields_of(resources.meters[usage.rated.meter_id].body, values)
            if marked_by(resources.configured) is not None:
                fields = changed_usage(fields, self._sealer(usage.account_id).seal_over, stands)
            return amend(usage, stands, fields, None)

        self._correct(resources, account, uid, decided)

    def _correct(self, resources: Resources, account: str, uid: str, decide: _Decide) -> None:
        """Decide on the correction of an event, and add up the usage that remains. Raises: RefusedError."""
        key = account, SOURCE, uid
        event = self._events.get(key)
        try:
            if event is None:
                raise UnknownResource(kind=f"usage of account {account} and source {SOURCE}", id=uid)
            fact = decide(event.logged(resources.organization, list(self._events).index(key)), event.fields)
        except CommandError as error:
            raise RefusedError(str(error)) from error
        if fact is not None:
            event.said, event.voided = (fact.now, False) if isinstance(fact, UsageAmended) else (None, True)
            self.recount(resources)

    def _lane(self, directory: Directory, account: KnownAccount, meter: KnownMeter) -> Lane:
        seal = self._sealer(account.id).seal if directory.keeps_keys else None
        return lane_of(directory, account, meter, None, seal)

    def _is_new(self, usage: Usage) -> bool:
        """Whether the id is new. Raises: Refused if it was used with other content."""
        id, content = usage.digest[:ID_HASH_BYTES], usage.digest[ID_HASH_BYTES:]
        known = self._content.get(id)
        if known is None:
            self._content[id] = content
        elif known != content:
            raise conflict(usage)
        return known is None

    def _add(self, resources: Resources, event: _Event) -> None:
        usage, record = event.usage, event.record
        if event.voided:
            return
        if event.said is not None:
            numbers, texts = event.said.measure, texts_of(event.said)
        else:
            numbers = {name: parse_decimal(text) for name, text in usage.numbers.items()}
            texts = joined(usage.texts.values())
        account = usage.lane.account
        listed = [entity for entity in resources.aggregations.values() if entity.body.meter_id == usage.lane.meter.id]
        day = local_day(record.ts, account.timezone)
        for entity in listed:
            aggregation = meter_aggregation(entity.id, entity.body)
            for added in contributions([aggregation], numbers, texts, record.ts, record.uid):
                days = self.totals.setdefault((account.id, added.aggregation_id, added.segment), {})
                before = days.get(day)
                days[day] = added.value if before is None else merge(aggregation.function, before, added.value)


def _event(organization: str, record: UsageRecord) -> CloudEvent:
    """The event as ingest decodes it: numbers with a fraction as text."""
    values = record.values
    numbers = {name: {field: _number(number) for field, number in values.get(name, {}).items()} for name in NUMBERS}
    texts = {name: values.get(name, {}) for name in TEXTS}
    ets = None if record.ets is None else _utc(record.ets)
    return CloudEvent(
        specversion="1.0",
        id=record.uid,
        source=record.source,
        type="trueup.usage",
        subject=record.account,
        time=_utc(record.ts),
        organization=organization,
        data=UsageData(meter=record.meter, ets=ets, **numbers, **texts),  # type: ignore[arg-type]
    )


def _number(value: Any) -> Any:
    return (str(value),) if isinstance(value, Decimal) else value


def _utc(moment: datetime) -> str:
    return instant_text(moment)
