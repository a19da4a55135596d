"""`python -m benchmarks.table` (`make bench`): every aim of speed beside what this folder's programs measure.

The programs run one after the other, each in a process of its own, and all of them again and again, so that each meets
the machine's good and bad hours. A row is the median of its runs, with the least and the most. How busy the machine
was before each run is told: what is measured beside others' work is theirs as well.

What was measured is written as it goes. Ctrl-C, SIGTERM or the end of the given time ends the program that runs, and
what has been measured by then is shown.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.aims import Row
from benchmarks.programs import PROGRAMS
from benchmarks.runs import Ran, TimeUpError
from benchmarks.showing import show

#: A load above this part of the cores is told: the machine is not quiet.
QUIET_LOAD = 0.3
#: Where the numbers go unless another file is named.
FOUND = Path("build") / "bench.json"
NEEDS_LARGE = "needs --large: to make what it measures takes longer than to measure it"
#: How it is told whether an aim is reached; None: there is none.
REACHED = {True: "yes", False: "no", None: ""}
NO_TIME = "the time was up before its first run"


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of the table: the numbers of its runs, or why there are none."""

    measure: str
    aim: str
    values: Sequence[float] = ()
    reached: bool | None = None
    digits: int = 0
    run_with: str = ""
    why: str | None = None
    #: What it is to be, at least or at most.
    limit: float = 0.0

    @property
    def numbers(self) -> tuple[str, str, str]:
        """The median, the least and the most of its runs, and how many there were."""
        if not self.values:
            return "", "", ""
        shown = (median(self.values), min(self.values), max(self.values))
        first, least, most = (f"{number:,.{self.digits}f}" for number in shown)
        return first, f"{least} to {most}", str(len(self.values))


def rows_of(ran: Sequence[Ran], *, large: bool) -> list[Measured]:
    """All rows, in order; what was not measured says why."""
    return [_measured(program_runs, row, large=large) for program_runs in ran for row in program_runs.program.rows]


def _measured(ran: Ran, row: Row, *, large: bool) -> Measured:
    if not ran.documents:
        why = ran.failure or (NEEDS_LARGE if ran.program.large and not large else NO_TIME)
        return Measured(row.measure, row.aim, run_with=ran.run_with, why=why, limit=row.limit)
    values = [float(row.value(document)) for document in ran.documents]
    reached = row.reached(median(values))
    return Measured(row.measure, row.aim, values, reached, row.digits, ran.run_with, ran.failure, row.limit)


def all_programs(*, quick: bool, only: Collection[str] = ()) -> list[Ran]:
    """Every program, or only those of these modules, before its first run."""
    named = [program for program in PROGRAMS if not only or program.module in only]
    return [Ran(program, program.quick if quick else program.arguments) for program in named]


def run_all(
    ran: Sequence[Ran],
    repeats: int,
    minutes: float | None,
    *,
    large: bool,
    say: Callable[[str], None],
    keep: Callable[[], None],
) -> None:
    """All programs in turns; `keep` is called after each. What takes longer than what is left is not begun.

    Raises: KeyboardInterrupt; what was measured by then is in `ran`.
    """
    until = None if minutes is None else time.monotonic() + 60 * minutes
    for turn in range(repeats):
        for program_runs in ran:
            if program_runs.program.large and not large:
                continue
            if until is not None and time.monotonic() + min(program_runs.seconds, default=0.0) > until:
                continue
            say(f"{turn + 1} of {repeats}: {program_runs.run_with}")
            with suppress(TimeUpError):
                program_runs.run(until)
            keep()


def document_of(ran: Sequence[Ran], *, quick: bool, large: bool) -> dict[str, Any]:
    """Everything, for JSON: the rows, and what each program gave."""
    return {
        "quick": quick,
        "large": large,
        "cores": os.cpu_count(),
        "rows": [
            asdict(row) | {"median": median(row.values) if row.values else None} for row in rows_of(ran, large=large)
        ],
        "programs": [program_runs.document() for program_runs in ran],
    }


def tables(ran: Sequence[Ran], *, quick: bool, large: bool) -> list[Table | str]:
    """What was measured, what was not, and how quiet the machine was."""
    shown = Table(title="a quick look at small sizes: it tells nothing of the aims" if quick else None)
    for column in ("measure", "aim", "median", "least to most", "runs", "run with" if quick else "reached"):
        shown.add_column(column, justify="left" if column in ("measure", "run with") else "right")
    rows = rows_of(ran, large=large)
    for row in rows:
        if row.values:
            shown.add_row(row.measure, row.aim, *row.numbers, row.run_with if quick else REACHED[row.reached])
    missing = Table(title="not measured")
    for column in ("measure", "aim", "why"):
        missing.add_column(column)
    for row in rows:
        if row.why is not None:
            missing.add_row(row.measure, row.aim, row.why)
    return [shown, missing, *how_quiet(ran)]


def how_quiet(ran: Sequence[Ran]) -> list[str]:
    """Load before each run that gave something. The last program's own load is still in it for a minute."""
    loads = [load for program_runs in ran for load in program_runs.loads]
    if not loads:
        return []
    cores, least = os.cpu_count() or 1, min(loads)
    quiet = "quiet" if least <= QUIET_LOAD * cores else "NOT QUIET: others' work is in these numbers"
    return [f"{cores} cores, load before a run from {least} ({quiet}) to {max(loads)}, with what the run before left"]


@click.command()
@click.option("--repeats", type=click.IntRange(1, 50), default=5, show_default=True, help="Runs of each program.")
@click.option("--minutes", type=click.FloatRange(0), help="End after so long, and show what there is.")
@click.option("--quick", is_flag=True, help="One run of each at small sizes: whether all of them run.")
@click.option("--large", is_flag=True, help="Also what needs very many accounts or events.")
@click.option(
    "--only",
    type=click.Choice(sorted({program.module for program in PROGRAMS})),
    multiple=True,
    help="Only this program; repeat for several.",
)
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=FOUND,
    show_default=True,
    help="Write the numbers here as they come.",
)
def main(repeats: int, minutes: float | None, quick: bool, large: bool, only: tuple[str, ...], file: Path) -> None:
    """Measure everything; the last line of the output is JSON. Status 1 if a program failed, 130 if interrupted."""
    ran, interrupted = all_programs(quick=quick, only=only), False
    file.parent.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(document_of(ran, quick=quick, large=large)) + "\n")
        draft.replace(file)

    # A shell that starts us in the background has us ignore the one, and so would each program.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with Console(stderr=True).status("") as status:
        try:
            run_all(ran, 1 if quick else repeats, minutes, large=large, say=status.update, keep=keep)
        except KeyboardInterrupt:
            interrupted = True
    keep()
    show(tables(ran, quick=quick, large=large), document_of(ran, quick=quick, large=large), None)
    sys.exit(130 if interrupted else any(program_runs.failure for program_runs in ran))


if __name__ == "__main__":
    main()
