"""What stands at the end of each partition of the log: the last sequence of every source of ours there."""

from typing import Any

import msgspec

from events.sources import LastSequences, Origins, commands_source
from events.topics import CATALOG, EVENTS
from services.breaks import StoreWentBackError
from services.continuity.memory import Known
from services.kafka import FetchedRecord, LogReader
from services.store.events import head
from services.store.generations import Generations

#: Of each partition at most this much of the tail is read; the relay's ticks, each quarter hour, lie in it on all but
#: the busiest systems, and the relay's note says the rest.
TAIL_RECORDS_MAX = 200_000

#: (topic, partition) of the log -> source -> last sequence.
Tails = dict[tuple[str, int], LastSequences]


class _Numbered(msgspec.Struct):
    source: str
    sequence: int


_NUMBERED = msgspec.json.Decoder(_Numbered)


def numbered(record: FetchedRecord, origins: Origins) -> tuple[str, int] | None:
    """Source and sequence of a record of ours; None for a stranger's."""
    try:
        found = _NUMBERED.decode(record.value or b"")
    except msgspec.MsgspecError:
        return None
    return (found.source, found.sequence) if origins.own(found.source) else None


async def last_sequences(reader: LogReader, topic: str, partition: int, start: int, origins: Origins) -> LastSequences:
    """The highest sequence of each source in the partition from offset `start` on (or in its last TAIL_RECORDS_MAX)."""
    end = (await reader.end_offsets(topic, [partition]))[partition]
    found = LastSequences()
    async for records in reader.read(topic, partition, max(start, end - TAIL_RECORDS_MAX), end):
        for record in records:
            one = numbered(record, origins)
            if one is not None:
                found.accepts(*one)
    return found


async def read_tails(connection: Any, reader: LogReader, generations: Generations, known: list[Known]) -> Tails:
    """The tails from where the relay last wrote on: what is in them is not to be written again.

    `known` is what the relay wrote. Raises: StoreWentBackError, if they hold an event that the store has not.
    """
    source, newest = commands_source(generations.commands), await head(connection)
    starts = {(one.topic, one.partition): one.next_offset for one in known}
    found = {}
    for place in log_partitions(generations.partitions):
        last = await last_sequences(reader, *place, starts.get(place, 0), generations.origins)
        if last.get(source, 0) > newest:
            raise StoreWentBackError(last[source], newest, f"{place[0]}/{place[1]}")
        found[place] = last
    return found


def log_partitions(partitions: int) -> list[tuple[str, int]]:
    """Every partition of the log of record, `billing.events` before `billing.catalog`."""
    return [*((EVENTS, partition) for partition in range(partitions)), (CATALOG, 0)]
