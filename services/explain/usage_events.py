"""The events behind an explanation, read from the range of the log in the totals' own offsets; and corrected events."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any

from events.absent import only_given
from events.actors import shown
from events.decimals import plain
from events.envelope import event_id
from events.facts.bills import BillLine
from events.facts.corrections import UsageFields
from events.topics import EVENTS
from events.zones import day_in, time_zone
from projections.aggregates import MeterAggregation, contributions, meter_aggregation, value
from projections.calendar import local_day
from projections.corrections import texts_of
from projections.explain import UsageRef
from projections.explain.parts import number
from projections.usage import details_of
from services.concurrency import compute
from services.kafka import POLL_RECORDS, LogReader
from services.readside.past import PastFamily
from services.readside.past.logged_usage import Logged, usage_between

Document = dict[str, Any]


def count_events(past: PastFamily, refs: Sequence[UsageRef]) -> int:
    """The number of records behind these totals; a record in several of them counts for each."""
    return sum(past.state.totals[ref[:3]][day].records for ref in refs for day in ref.days)


#: Fewest records that are read at a time, because the events behind a line may lie far apart.
_POLL = 1_000


async def read_events(
    reader: LogReader, past: PastFamily, refs: Sequence[UsageRef], limit: int, after: int | None = None
) -> list[Document]:
    """The first events of these totals, in the order of the log; those behind the event at offset `after`.

    Reading starts at that event, so a later page costs as much as the first. It must be read itself: by its sequence, a
    second copy of an earlier record is recognised (decision 5).
    """
    offsets = [past.state.offsets[*ref[:3], day] for ref in refs for day in ref.days]
    if not offsets or limit < 1:
        return []
    first, end = min(first for first, _ in offsets), max(last for _, last in offsets) + 1
    start = first if after is None else max(first, after)
    wanted, documents = _Wanted(past, refs), list[Document]()
    accounts, partition = {ref.account_id for ref in refs}, past.positions.partition
    usage_of = usage_between(
        reader, partition, start, end, accounts, past.origins, max_records=min(max(_POLL, 2 * limit), POLL_RECORDS)
    )
    async with aclosing(usage_of) as polls:
        async for usage in polls:
            behind = [logged for logged in usage if after is None or logged.offset > after]
            documents.extend(await compute(past.organization, wanted.documents, behind))
            if len(documents) >= limit:
                break
    return documents[:limit]


class _Wanted:
    """The records that belong to the totals of an explanation."""

    def __init__(self, past: PastFamily, refs: Sequence[UsageRef]) -> None:
        self._days: dict[tuple[str, str, str], frozenset[date]] = {ref[:3]: frozenset(ref.days) for ref in refs}
        self._zone = time_zone(past.state.timezone)
        self._partition, self._corrections = past.positions.partition, past.state.corrections
        self._functions = {}
        self._meters: dict[str, list[MeterAggregation]] = {}
        for id in sorted({ref.aggregation_id for ref in refs}):
            body = past.resources.aggregations[id].body
            self._functions[id] = body.aggregation
            self._meters.setdefault(body.meter_id, []).append(meter_aggregation(id, body))

    def documents(self, usage: Sequence[Logged]) -> list[Document]:
        """The documents of those events that are in one of the totals."""
        return [document for usage_record in usage for document in self.document(usage_record)]

    def document(self, logged: Logged) -> Iterator[Document]:
        """The document of the event with its additions, if it is in one of the totals."""
        record, aggregations = logged.record, self._meters.get(logged.record.data.meter_id)
        if aggregations is None:
            return
        details, corrected = details_of(logged.value), self._corrections.get(logged.offset)
        if corrected is not None:
            if corrected.stands is None:
                return
            details = details._replace(numbers=corrected.stands.measure, texts=texts_of(corrected.stands))
        day = day_in(self._zone, details.ts)
        adds = [
            {
                "aggregationId": contribution.aggregation_id,
                "segment": contribution.segment,
                "quantity": number(value(self._functions[contribution.aggregation_id], contribution.value)),
            }
            for contribution in contributions(
                aggregations, details.numbers, details.texts, details.ts, details.usage_id
            )
            if day in self._days.get((record.account, contribution.aggregation_id, contribution.segment), ())
        ]
        if adds:
            yield {
                "id": str(event_id(record.source, record.sequence)),
                "topic": EVENTS,
                "partition": self._partition,
                "offset": logged.offset,
                "accountId": record.account,
                "usageId": details.usage_id,
                "ts": details.ts,
                "day": day,
                "measure": {code: plain(amount) for code, amount in details.numbers.items()},
                "adds": adds,
                **({} if logged.traceparent is None else {"traceparent": logged.traceparent}),
            }


def corrected_usage(past: PastFamily, line: BillLine, refs: Sequence[UsageRef]) -> Iterator[Document]:
    """The corrected events in the order of the log: of the line's accounts and meters, on the days of its period.

    A voided event is in no total any more, so the totals' offsets do not suffice to find it.
    """
    accounts = {line.account_id, *(ref.account_id for ref in refs)}
    aggregations = past.resources.aggregations
    named = {line.aggregation_id, *(ref.aggregation_id for ref in refs)}
    meters = {aggregations[id].body.meter_id for id in named if id is not None and id in aggregations}
    for offset, event in sorted(past.state.corrections.items()):
        day = local_day(event.ts, past.state.timezone)
        if event.account in accounts and event.meter_id in meters and line.period_start <= day < line.period_end:
            told = event.told
            document: Document = {
                "status": "VOIDED" if event.stands is None else "AMENDED",
                "id": str(event.event_id),
                "topic": EVENTS,
                "partition": past.positions.partition,
                "offset": offset,
                "accountId": event.account,
                "usageId": event.usage_id,
                "ts": event.ts,
                "day": day,
                "was": _fields(event.were[-1]),
                "correctionId": str(told.id),
                "dtCreated": told.time,
                "createdBy": shown(told.actor),
            }
            optional = {"now": None if event.stands is None else _fields(event.stands), "reason": told.reason}
            yield document | only_given(optional)


def _fields(fields: UsageFields) -> Document:
    """Numbers and texts by code: codes are unique within a meter."""
    return {code: plain(number) for code, number in fields.measure.items()} | texts_of(fields)
