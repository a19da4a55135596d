"""`python -m benchmarks.ids`: what ingest remembers of an id that it has seen takes so many bytes. Pure, no servers."""

import gc
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psutil
from rich.table import Table

from benchmarks.showing import show
from events.sources import DIGEST_BYTES
from services.ingest.seen_ids import SeenIds

#: So many ids stand in one row of a snapshot, as the projector writes them.
ROW = 8_192


@dataclass(frozen=True, slots=True)
class Ids:
    """Bytes that the process grew by, of an id, and the CPU seconds that loading all of them took."""

    ids: int
    bytes_each: float
    cpu_seconds: float


def measure(ids: int) -> Ids:
    """Load so many ids, as a worker does that starts."""
    gc.collect()
    seen, before, started = SeenIds(), psutil.Process().memory_info().rss, time.process_time()
    for start in range(0, ids, ROW):
        if seen.gather(os.urandom(min(ROW, ids - start) * DIGEST_BYTES), 20_000):
            seen.sort(seen.gathered())
    seen.sort(seen.gathered())
    seconds = time.process_time() - started
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    assert len(seen) == ids
    return Ids(ids, round(grown / ids, 2), round(seconds, 2))


@click.command()
@click.option("--ids", type=click.IntRange(1_000, 1_000_000_000), default=10_000_000, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(ids: int, file: Path | None) -> None:
    """Measure what remembered ids take; the last line of the output is JSON."""
    measured = measure(ids)
    shown = Table(title="ids that ingest remembers")
    for column in ("ids", "bytes each", "CPU seconds to load"):
        shown.add_column(column, justify="right")
    shown.add_row(f"{measured.ids:,}", str(measured.bytes_each), str(measured.cpu_seconds))
    show([shown], asdict(measured), file)


if __name__ == "__main__":
    main()
