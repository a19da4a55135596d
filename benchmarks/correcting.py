"""`python -m benchmarks.correcting`: how long it takes to find which range of the log has an event, by its id.

It is all that a correction costs more with more ids: the packed ids of the account's partition are looked through, in
Postgres, without an index (decision 32). The range that is found, a transaction of the projector, is read from Kafka,
whatever the number of ids. One partition has all of them here; of several each has its part.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.ids import ROW
from benchmarks.showing import show
from events.sources import DIGEST_BYTES, ID_HASH_BYTES
from projections.readmodels import seen_ids
from services.corrections.usage_in_log import IN_WINDOW
from services.postgres import connected
from services.run.stack.postgres import EmbeddedPostgres

#: Rows that one statement writes, and how often each question is asked.
_AT_ONCE, _TIMES = 200, 5


@dataclass(frozen=True, slots=True)
class Found:
    """Which id was looked for, in how many ranges of the log it is, and the median of the times."""

    asked: str
    ranges: int
    ms: float


@dataclass(frozen=True, slots=True)
class Correcting:
    """Among so many ids, which take so many megabytes."""

    ids: int
    megabytes: int
    found: list[Found]


def _rows(ids: int) -> Iterator[seen_ids.SeenRow]:
    """As the projector packs them, a row for each transaction."""
    for start in range(0, ids, ROW):
        yield seen_ids.SeenRow(0, start, datetime.now(UTC), os.urandom(min(ROW, ids - start) * DIGEST_BYTES))


async def _filled(connection: Any, ids: int) -> dict[str, bytes]:
    """Write them; returns ids to be looked for, by what they are called."""
    await connection.execute(seen_ids.TABLE.ddl)
    rows, ids_by_name = list[seen_ids.SeenRow](), dict[str, bytes]()
    for row in _rows(ids):
        ids_by_name.setdefault("the oldest", row.digests[:ID_HASH_BYTES])
        ids_by_name["the newest"] = row.digests[-DIGEST_BYTES:][:ID_HASH_BYTES]
        rows.append(row)
        if len(rows) == _AT_ONCE:
            await connection.execute(seen_ids.INSERT, *map(list, zip(*rows, strict=True)))
            rows.clear()
    if rows:
        await connection.execute(seen_ids.INSERT, *map(list, zip(*rows, strict=True)))
    await connection.execute("ANALYZE seen_ids")
    return ids_by_name | {"one that never was": os.urandom(ID_HASH_BYTES)}


async def _looked_up(connection: Any, looked_for: str, id: bytes) -> Found:
    times, ranges = list[float](), 0
    for _ in range(_TIMES):
        started = time.perf_counter()
        ranges = len(await connection.fetch(IN_WINDOW, 0, id))
        times.append((time.perf_counter() - started) * 1e3)
    return Found(looked_for, ranges, round(statistics.median(times), 1))


async def measure(ids: int) -> Correcting:
    """On a Postgres of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            async with connected(await server.start()) as connection:
                ids_by_name = await _filled(connection, ids)
                lookups = [await _looked_up(connection, name, id) for name, id in ids_by_name.items()]
        finally:
            await server.stop()
    return Correcting(ids, round(ids * DIGEST_BYTES / 1e6), lookups)


@click.command()
@click.option("--ids", type=click.IntRange(1_000, 1_000_000_000), default=10_000_000, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(ids: int, file: Path | None) -> None:
    """Measure how ids are found; the last line of the output is JSON."""
    measured = asyncio.run(measure(ids))
    shown = Table(title=f"{measured.ids:,} ids in one partition, {measured.megabytes} MB")
    for column in ("looked for", "ranges found", "ms"):
        shown.add_column(column, justify="left" if column == "looked for" else "right")
    for lookup in measured.found:
        shown.add_row(lookup.asked, str(lookup.ranges), str(lookup.ms))
    show([shown], asdict(measured), file)


if __name__ == "__main__":
    main()
