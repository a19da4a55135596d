"""Where checkpoints are kept: signed, in a table and in a topic; and the read models of the newest one, in a schema.

The schema is the one that an audit filled from the log alone. Nobody folds into it any more: the next audit copies it,
and goes on from the copy, so one that fails or is killed leaves it as it was.
"""

from typing import Any

from events.topics import CHECKPOINTS
from projections.readmodels.registry import ALL
from services.audit.checkpoint import Checkpoint, Seal
from services.audit.hashes import TABLE_SECONDS
from services.kafka import BatchWriter, Cluster, LogReader, Record

SCHEMA = "checkpoint"

_NEWEST = "SELECT token FROM store.checkpoints ORDER BY number DESC LIMIT 1"
_ADD = "INSERT INTO store.checkpoints (number, token, made_at) VALUES ($1, $2, $3)"
_LAST = "SELECT coalesce(max(number), 0) FROM store.checkpoints"
_IS_THERE = "SELECT to_regnamespace($1) IS NOT NULL"


async def newest_token(connection: Any) -> str | None:
    """The newest checkpoint as the table has it; None if there is none."""
    schema: str | None = await connection.fetchval(_NEWEST)
    return schema


async def published_tokens(reader: LogReader) -> list[str]:
    """Every checkpoint that the topic holds, oldest first; what is no text is none."""
    [start] = (await reader.beginning_offsets(CHECKPOINTS, [0])).values()
    [end] = (await reader.end_offsets(CHECKPOINTS, [0])).values()
    tokens = []
    async for records in reader.read(CHECKPOINTS, 0, start, end):
        tokens += [(record.value or b"").decode(errors="replace") for record in records]
    return tokens


async def next_number(connection: Any, seal: Seal, reader: LogReader) -> int:
    """One more than any that was given, also by an audit that was killed before it had written its row."""
    last: int = await connection.fetchval(_LAST)
    return 1 + max([last, *(checkpoint.number for checkpoint in seal.readable(await published_tokens(reader)))])


async def copy_state(connection: Any, schema: str) -> bool:
    """The read models of the newest checkpoint into an empty schema, inside the caller's transaction; False: they are
    not there."""
    if not await connection.fetchval(_IS_THERE, SCHEMA):
        return False
    for table in ALL:
        copy = f'INSERT INTO "{schema}".{table.name} SELECT * FROM "{SCHEMA}".{table.name}'
        await connection.execute(copy, seconds=TABLE_SECONDS)
    return True


async def keep(connection: Any, cluster: Cluster, seal: Seal, checkpoint: Checkpoint, schema: str) -> None:
    """Publish a checkpoint, and keep this schema as what it proved, in place of the one before it."""
    token = seal.sign(checkpoint)
    async with BatchWriter(cluster) as writer:
        await writer.append(CHECKPOINTS, 0, [Record(None, token.encode())])
    # Published first: a checkpoint that the topic does not hold is trusted by nobody.
    async with connection.transaction():
        await connection.execute(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE')
        await connection.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{SCHEMA}"')
        await connection.execute(_ADD, checkpoint.number, token, checkpoint.made_at)
