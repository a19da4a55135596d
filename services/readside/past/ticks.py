"""The last tick of the real clock before an offset: what day it was, as that prefix of the log has it."""

from datetime import datetime

from events.codec import ForeignRecordError, decode_own
from events.facts.clock import ClockTicked
from events.origins import Origins
from events.topics import EVENTS
from projections.clock import counted_tick
from services.kafka import FetchedRecord, LogReader

_NAME = b'{"type":"ClockTicked"'
#: A tick comes each quarter hour, so it mostly stands within the first look back.
_FIRST_LOOK = 2_000


async def last_tick(reader: LogReader, partition: int, end: int, origins: Origins) -> datetime | None:
    """The newest tick below the offset, looked for backwards in ever longer ranges; None without any."""
    stop, length = end, _FIRST_LOOK
    while stop > 0:
        start = max(0, stop - length)
        newest: datetime | None = None
        async for records in reader.read(EVENTS, partition, start, stop):
            for record in records:
                now = _tick(record, origins)
                if now is not None:
                    newest = now if newest is None else max(newest, now)
        if newest is not None:
            return newest
        stop, length = start, length * 2
    return None


def _tick(record: FetchedRecord, origins: Origins) -> datetime | None:
    if not (record.value or b"").startswith(_NAME):
        return None
    try:
        envelope = decode_own(record.value, origins)
    except ForeignRecordError:
        return None
    fact = envelope.data
    counts = isinstance(fact, ClockTicked) and not envelope.organization
    return counted_tick(fact, record.timestamp) if counts else None  # type: ignore[arg-type]
