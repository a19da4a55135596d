"""`python -m benchmarks.signing`: what it takes to cut and hash the log, beside one SHA-256 of each record. Pure.

Times are CPU times, the least of several runs: they differ between machines, their ratios hardly do.
"""

import os
from functools import partial
from hashlib import sha256
from pathlib import Path

import click
from rich.table import Table

from benchmarks.settle import least_ms
from benchmarks.showing import show
from projections.proof.segments import Cutter, Tree
from services.proof.head import head_of, notary, sign_head

#: Of a rated record of the pipeline's load, and of a poll.
BYTES, POLL = 656, 20_000
SIGNER = notary(b"a secret of thirty-two bytes or so")


def signed(records: list[tuple[int, bytes | None]]) -> list[str]:
    """What a notary makes of these records: with so many, heads of full segments."""
    tree, cutter, tokens = Tree("log", 0), Cutter(0), []
    for start in range(0, len(records), POLL):
        for cut in cutter.take(records[start : start + POLL]):
            tree = tree.grown(cut.segment)
            tokens.append(sign_head(SIGNER, head_of(tree, cut.segment)))
    return tokens


def hashed(records: list[tuple[int, bytes | None]]) -> None:
    """One hash for each record, and nothing else."""
    for _, value in records:
        sha256(value or b"").digest()


@click.command()
@click.option("--events", default=400_000, show_default=True, help="How many records.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, file: Path | None) -> None:
    """Measure signing; the last line of the output is JSON."""
    records: list[tuple[int, bytes | None]] = [(offset, os.urandom(BYTES)) for offset in range(events)]
    costs = {"cut, hashed and signed": signed, "one SHA-256 of each": hashed}
    measured = {name: least_ms(partial(work, records)) * 1e3 / events for name, work in costs.items()}
    shown = Table(title=f"{events:,} records of {BYTES} bytes")
    for column in ("", "CPU µs/event"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, microseconds in measured.items():
        shown.add_row(name, f"{microseconds:.2f}")
    show((shown,), {"events": events, "bytes": BYTES, "cpu_us": measured}, file)


if __name__ == "__main__":
    main()
