"""Usage behind a line that was voided or amended by the bill's positions: what it said, and who changed that."""

from collections.abc import Iterator, Sequence
from typing import Any

from events.actors import shown
from events.decimals import plain
from events.facts.bills import BillLine
from events.facts.corrections import UsageFields
from events.topics import EVENTS
from projections.calendar import local_day
from projections.corrections import texts_of
from projections.explain import UsageRef
from services.readside.past import PastFamily

Document = dict[str, Any]


def corrected_usage(past: PastFamily, line: BillLine, refs: Sequence[UsageRef]) -> Iterator[Document]:
    """The events in the order of the log: of the line's accounts and meters, on the days of its period.

    An event of which nothing stands is behind no total any more, so what they name is not enough to find it.
    """
    accounts = {line.account_id, *(ref.account_id for ref in refs)}
    known = past.resources.aggregations
    named = {line.aggregation_id, *(ref.aggregation_id for ref in refs)}
    meters = {known[id].body.meter_id for id in named if id is not None and id in known}
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
            yield document | {name: value for name, value in optional.items() if value is not None}


def _fields(fields: UsageFields) -> Document:
    """Numbers and texts by code: codes are unique within a meter."""
    return {code: plain(number) for code, number in fields.measure.items()} | texts_of(fields)
