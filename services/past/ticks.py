"""The last tick of the real clock before an offset: what day it was, as that prefix of the log has it."""

from datetime import datetime

from events.codec import decode
from events.facts.clock import ClockTicked
from events.topics import EVENTS
from services.kafka import LogReader

_NAME = b'{"type":"ClockTicked"'
#: A tick comes each quarter hour, so it mostly stands within the first look back.
_FIRST_LOOK = 2_000


async def last_tick(reader: LogReader, partition: int, end: int) -> datetime | None:
    """The newest tick below the offset, looked for backwards in ever longer ranges; None without any."""
    stop, length = end, _FIRST_LOOK
    while stop > 0:
        start = max(0, stop - length)
        newest: datetime | None = None
        async for records in reader.read(EVENTS, partition, start, stop):
            for record in records:
                now = _tick(record.value)
                if now is not None:
                    newest = now if newest is None else max(newest, now)
        if newest is not None:
            return newest
        stop, length = start, length * 2
    return None


def _tick(value: bytes) -> datetime | None:
    if not value.startswith(_NAME):
        return None
    envelope = decode(value)
    fact = envelope.data
    return fact.now if isinstance(fact, ClockTicked) and not envelope.organization else None
