"""Usage of a story in memory: judged and deduplicated by ingest's own rules, and added up by day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from events.decimals import parse_decimal
from events.sources import ID_HASH_BYTES
from projections.aggregates import DayState, TotalsKey, contributions, merge, meter_aggregation
from projections.calendar import local_day
from projections.resources import Resources
from projections.usage import joined
from services.ingest.cloudevent import CloudEvent, UsageData
from services.ingest.directory import directory_of
from services.ingest.instants import LATEST, Arrival, utc_text
from services.ingest.lane import find_account, find_meter, lane_of
from services.ingest.validate import Usage, accept, conflict
from services.refusals.refusal import Refused
from services.simulate.naming import NUMBERS, TEXTS, refusal
from services.simulate.player import RefusedError, UsageRecord

#: Time stands still in memory, so no usage is too far in the future.
_ARRIVED = Arrival(0, LATEST, utc_text(LATEST), LATEST)


class MemoryUsage:
    """Quantities of accepted usage by account, aggregation, segment and day. No uid is ever forgotten."""

    def __init__(self) -> None:
        self.totals: dict[TotalsKey, dict[date, DayState]] = {}
        #: Of every usage id that was accepted what stood under it, both by their digests.
        self._content: dict[bytes, bytes] = {}
        self._refused: list[RefusedError] = []

    def send(self, resources: Resources, record: UsageRecord) -> None:
        """Take the record in, if ingest would; its refusal is told by `arrive`."""
        event = _event(resources.organization, record)
        directory = directory_of(resources)
        try:
            lane = lane_of(directory, find_account(event, directory), find_meter(event, directory), None)
            usage = accept(event, lane, _ARRIVED)
            if self._is_new(usage):
                self._add(resources, record, usage)
        except Refused as error:
            self._refused.append(refusal(error.rule))

    def arrive(self) -> None:
        """What was sent has been judged. Raises: RefusedError for the first of it that was refused."""
        refused, self._refused = self._refused, []
        if refused:
            raise refused[0]

    def _is_new(self, usage: Usage) -> bool:
        """Whether the id did not come before. Raises: Refused if it did, with other content."""
        id, content = usage.digest[:ID_HASH_BYTES], usage.digest[ID_HASH_BYTES:]
        known = self._content.get(id)
        if known is None:
            self._content[id] = content
        elif known != content:
            raise conflict(usage)
        return known is None

    def _add(self, resources: Resources, record: UsageRecord, usage: Usage) -> None:
        account = usage.lane.account
        texts = joined(usage.texts.values())
        numbers = {name: parse_decimal(text) for name, text in usage.numbers.items()}
        listed = [entity for entity in resources.aggregations.values() if entity.body.meter_id == usage.lane.meter.id]
        day = local_day(record.ts, account.timezone)
        for entity in listed:
            aggregation = meter_aggregation(entity.id, entity.body)
            for added in contributions([aggregation], numbers, texts, record.ts, record.uid):
                days = self.totals.setdefault((account.id, added.aggregation_id, added.segment), {})
                before = days.get(day)
                days[day] = added.value if before is None else merge(aggregation.function, before, added.value)


def _event(organization: str, record: UsageRecord) -> CloudEvent:
    """The event as ingest decodes it: fractions by their text."""
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
    return utc_text(moment.astimezone(UTC))
