"""Where an audit begins: at the newest checkpoint if it is valid; else at the beginning, with the reason."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from events.topics import CATALOG, EVENTS
from projections.readmodels.positions import Position
from services.apart.program import program_version
from services.audit.checkpoint import (
    Checkpoint,
    OtherVersionError,
    Seal,
    copy_state,
    newest_token,
    published_tokens,
)
from services.audit.hashes import digest_of
from services.audit.history import digest_between
from services.breaks import BreakError
from services.continuity.check import check_ends, check_records
from services.continuity.memory import Known, mark_of_fact
from services.failures import Worded
from services.kafka import Cluster, LogReader
from services.postgres import Postgres, TablesMovedError
from services.signatures import ForgedError, OtherKeyError
from services.store.generations import Generations


# The reason why an audit does not begin at a checkpoint.
class CheckpointRefused(Worded):
    """{why}"""

    #: Whether somebody must look into it. The other reasons are expected after a new release or with a new key.
    suspicious = False

    def __init__(self, why: object) -> None:
        super().__init__(why=why)


# A reason to suspect that the checkpoint, or the data that it covers, was changed.
class Suspicious(CheckpointRefused):
    """{why}"""

    suspicious = True


async def begin_at_checkpoint(
    postgres: Postgres,
    cluster: Cluster,
    seal: Seal,
    generations: Generations,
    positions: Mapping[int, Position],
    schema: str,
) -> Checkpoint | CheckpointRefused:
    """Fill an empty schema with the rows of the newest checkpoint, if it is valid; else the schema stays empty.

    `positions` are those of the live read models, up to which the audit will fold. Nothing in Postgres is trusted: data
    that is not signed is compared with signed digests. Returns the checkpoint whose rows the schema now holds, or the
    reason why there is none.
    """
    async with LogReader(cluster) as reader:
        try:
            async with postgres.connection() as connection:
                token = await newest_token(connection)
            checkpoint = _read(seal, token)
            _check_whose(checkpoint, generations)
            _check_reached(checkpoint, positions)
            if token not in await published_tokens(reader):
                raise Suspicious("the topic does not hold it")
            await _check_log(reader, checkpoint)
            # One transaction, so that wrong rows are rolled back.
            async with postgres.transaction(isolation="repeatable_read") as connection:
                await _fill(connection, checkpoint, schema)
        except CheckpointRefused as refused:
            return refused
    return checkpoint


def _read(seal: Seal, token: str | None) -> Checkpoint:
    """The checkpoint in a token. Raises: CheckpointRefused."""
    if token is None:
        raise CheckpointRefused("there is none yet")
    try:
        return seal.read(token)
    except (OtherKeyError, OtherVersionError) as error:
        raise CheckpointRefused(error) from error
    except ForgedError as error:
        raise Suspicious(error) from error


def _check_whose(checkpoint: Checkpoint, generations: Generations) -> None:
    """Check that the checkpoint is of this program, this store and these partitions. Raises: CheckpointRefused."""
    if checkpoint.program != program_version():
        raise CheckpointRefused("another version of the program made it")
    if (checkpoint.store, checkpoint.usage) != (generations.commands, generations.usage):
        raise CheckpointRefused("store or usage have begun anew since")
    if checkpoint.by_partition().keys() != set(range(generations.partitions)):
        raise CheckpointRefused("it is of other partitions")


def _check_reached(checkpoint: Checkpoint, positions: Mapping[int, Position]) -> None:
    """Check that the live read models have come as far as the checkpoint. Raises: CheckpointRefused."""
    for partition, segment in checkpoint.by_partition().items():
        live = positions.get(partition, Position(partition))
        if live.next_offset < segment.next_offset or live.catalog_offset < segment.catalog_offset:
            raise CheckpointRefused(f"the live read models of partition {partition} have not come as far yet")


async def _check_log(reader: LogReader, checkpoint: Checkpoint) -> None:
    """Check that the log reaches the checkpoint's positions, and has the same record there and the same catalog.

    Raises: Suspicious.
    """
    positions = [
        Known(EVENTS, segment.partition, segment.next_offset, mark_of_fact(segment.mark))
        for segment in checkpoint.segments
    ]
    positions.append(Known(CATALOG, 0, checkpoint.catalog_offset, None))
    try:
        await check_ends(reader, positions)
        await check_records(reader, positions)
    except BreakError as error:
        raise Suspicious(error) from error
    if await digest_between(reader, CATALOG, 0, 0, checkpoint.catalog_offset) != checkpoint.catalog_digest:
        raise Suspicious(f"{CATALOG} is not what it was made over")


async def _fill(connection: Any, checkpoint: Checkpoint, schema: str) -> None:
    """Copy the checkpoint's rows into the schema, and check their digest. Raises: CheckpointRefused."""
    try:
        there = await copy_state(connection, schema)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TablesMovedError) as error:
        raise Suspicious(f"the tables that it was made with cannot be read: {error}") from error
    if not there:
        raise CheckpointRefused("the tables that it was made with are gone")
    if await digest_of(connection, schema) != checkpoint.state:
        raise Suspicious("the tables that it was made with are not what was signed")
