"""Which foreign records the live read models know of, and which of them are acknowledged."""

from typing import Any, NamedTuple

_OPEN = """
SELECT topic, partition, log_offset, why FROM "{schema}".foreign_records
LEFT JOIN store.acknowledged AS known USING (topic, partition, log_offset)
WHERE known.log_offset IS NULL ORDER BY topic, partition, log_offset
"""
_ACKNOWLEDGE = """
INSERT INTO store.acknowledged (topic, partition, log_offset) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""


class ForeignRecord(NamedTuple):
    """Where it stands and why it is none of ours."""

    topic: str
    partition: int
    offset: int
    why: str

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}: {self.why}"


async def foreign_records(connection: Any, live: str) -> list[ForeignRecord]:
    """Those that nobody has acknowledged, by place. `live` is the schema of the read models."""
    rows = await connection.fetch(_OPEN.format(schema=live))
    return [ForeignRecord(row["topic"], row["partition"], row["log_offset"], row["why"]) for row in rows]


async def acknowledge(connection: Any, record: ForeignRecord) -> None:
    """From now on the audit passes over it."""
    await connection.execute(_ACKNOWLEDGE, record.topic, record.partition, record.offset)
