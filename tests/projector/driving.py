"""Drives a projection over the log as it is, and looks at the tables."""

from collections.abc import Iterable
from typing import Any

from events.topics import EVENTS
from services.kafka import LogReader, Polled
from services.projection.projection import Projection
from services.projection.schemas import LiveTarget, Target
from services.readside.live import live_schema, use_schema
from services.store.generations import load_generations
from tests.projector.conftest import PARTITIONS, Installation

TABLES = {
    "usage_totals": "account_id, aggregation_id, segment, day, records, total, state::text, first_offset, last_offset",
    "commitment_balances": "commitment_id, amount, spent, remaining, status, folded, as_of",
    "draws": "root_id, number, commitment_id, charge::text, slice_start, amount, place",
    "accrued_lines": "root_id, number, account_id, type, amount, quantity, line::text",
    "outlooks": "root_id, number, commitment_id, as_of, until, remaining, day_30, at_stake_30, lapses_30",
    "account_directory": "account_id, partition, root_id, timezone, plans, billable",
    "facts": "partition, log_offset, organization, root_id, account_id, resource_id, type",
    "bills": "bill_id, number, total, status, version, bill::text",
    "bill_line_items": "bill_id, number, line_id, account_id, type, amount, quantity, line::text",
    "due_accounts": "root_id, reason",
    "positions": "topic, partition, next_offset, epoch",
    "foreign_records": "partition, why",
}


async def project(
    installation: Installation,
    *,
    target: Target | None = None,
    cut: int = 1_000_000,
    partitions: Iterable[int] = range(PARTITIONS),
) -> None:
    """Fold whatever is in the log beyond the positions, in polls of at most `cut` records, until nothing is due."""
    async with installation.postgres.connection() as connection:
        origins = (await load_generations(connection)).origins
    async with LogReader(installation.cluster) as reader, LogReader(installation.cluster) as log:
        projection = Projection(target or LiveTarget(installation.postgres), reader, origins)
        await projection.load(list(partitions))
        ends = await log.end_offsets(EVENTS, partitions)
        for partition in partitions:
            start = projection.partitions[partition].position.next_offset
            async for records in log.read(EVENTS, partition, start, ends[partition], max_records=cut):
                await projection.fold({partition: Polled(records, records[-1].offset + 1)})
                await projection.write()
        while await projection.write():
            pass


#: A row of a read model, by its columns' names.
Row = dict[str, Any]


async def rows(installation: Installation, table: str, where: str = "true") -> list[Row]:
    """Rows of a live table, ordered."""
    async with installation.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        found = await connection.fetch(f"SELECT {TABLES[table]} FROM {table} WHERE {where}")
    return sorted(map(dict, found), key=repr)


async def everything(installation: Installation) -> dict[str, list[Row]]:
    """All live rows."""
    return {table: await rows(installation, table) for table in TABLES if table not in ("bills", "positions")}


async def empty(installation: Installation) -> None:
    """Empty the live tables, as if nothing had been projected."""
    async with installation.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        await connection.execute("TRUNCATE " + ", ".join(row["tablename"] for row in names))


async def fold_all(projection: Projection, reader: LogReader) -> None:
    """Fold whatever is in the log, without writing."""
    ends = await reader.end_offsets(EVENTS, projection.partitions)
    for partition, state in list(projection.partitions.items()):
        async for records in reader.read(EVENTS, partition, state.position.next_offset, ends[partition]):
            await projection.fold({partition: Polled(records, records[-1].offset + 1)})
