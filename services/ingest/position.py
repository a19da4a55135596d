"""Was what we appended the next thing in the log? The worker's guard against a second writer (decision 8).

Kafka does not fence us: a worker that lost its partition in a rebalance while its append was on the way still succeeds.
The base offset that each acknowledged batch carries tells. If it follows what we know, nobody else wrote. If not, the
gap is read: facts of the event store and ticks are expected there; a record of *our* source that we did not write
means that another worker judged the same usage on a memory of its own. Ours is then wrong (it lacks, say, an id that
the other one accepted), so it is dropped and folded anew from the log, where the sequence rule has already settled who
was first.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from events.topics import EVENTS
from services.breaks import LogWentBackError
from services.kafka import Appended, FetchedRecord
from services.worker.host import ResyncError


class _Sourced(msgspec.Struct):
    source: str


_SOURCES = msgspec.json.Decoder(_Sourced)


def gaps(partition: int, position: int, acknowledged: Sequence[Appended]) -> tuple[list[tuple[int, int]], int]:
    """The ranges `[start, end)` that others wrote between our batches, and the position after them.

    `acknowledged` are our batches in order. Raises: LogWentBackError.
    """
    found = []
    for base, count, _ in acknowledged:
        if base < position:
            raise LogWentBackError(EVENTS, partition, base, position)
        if base > position:
            found.append((position, base))
        position = base + count
    return found, position


async def check_gap(partition: int, sources: frozenset[str], lists: AsyncIterator[list[FetchedRecord]]) -> None:
    """Raises: ResyncError if one of these records is of one of our sources."""
    async for records in lists:
        for record in records:
            source = _source_of(record)
            if source in sources:
                why = f"another worker wrote {source} at offset {record.offset} of billing.events"
                raise ResyncError([partition], why)


def _source_of(record: FetchedRecord) -> str | None:
    """Of a stranger's record nothing."""
    try:
        return _SOURCES.decode(record.value or b"").source
    except msgspec.MsgspecError:
        return None
