"""Lines of bills that `billing.bill-line-items` has lost, written again from the store."""

from typing import Any

from events.topics import BILL_LINES
from services.kafka import BatchWriter, LogReader, Mark, digest_of
from services.relay.records import line_records
from services.store.events import whole_bill
from services.store.rows import COLUMNS, envelope_of

_BILLS = f"""
SELECT {COLUMNS} FROM store.events
WHERE type = 'BillIssued' AND partition = $1 AND position >= $2 AND position <= $3 ORDER BY position
"""
_BATCH = 100


async def last_lines(reader: LogReader, partition: int) -> int:
    """Position of the bill whose lines stand last in the partition; 0 if there are none."""
    beginning = (await reader.beginning_offsets(BILL_LINES, [partition]))[partition]
    end = (await reader.end_offsets(BILL_LINES, [partition]))[partition]
    position = 0
    async for records in reader.read(BILL_LINES, partition, max(beginning, end - 1), end):
        headers = dict(records[-1].headers)
        position = int(headers.get("position") or 0)
    return position


async def write_lines(
    connection: Any, writer: BatchWriter, partition: int, start: int, end: int, generation: str
) -> tuple[int, Mark | None]:
    """Write the lines of the bills at positions `[start, end]` of the store; consumers drop what they have.

    Returns: how many, and the last one.
    """
    count, mark = 0, None
    async for row in connection.cursor(_BILLS, partition, start, end, prefetch=_BATCH):
        envelope = envelope_of(row, generation)
        records = line_records(envelope, await whole_bill(connection, envelope))
        base, number, ms = (await writer.append(BILL_LINES, partition, records))[-1]
        count += len(records)
        mark = Mark(base + number - 1, ms, digest_of(records[-1].key, records[-1].value))
    return count, mark
