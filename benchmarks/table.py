"""`python -m benchmarks.table` (`make bench`): every aim of speed beside what this folder's programs measure.

The programs run one after the other, each in a process of its own, and all of them again and again, so that each meets
the machine's good and bad hours. A row is the median of its runs, with the least and the most. How busy the machine
was before each run is told: what is measured beside others' work is theirs as well.
"""

import json
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.aims import NOT_MEASURED, PROGRAMS, NotMeasured, Program, Row
from benchmarks.showing import show
from services.run.process import ALLOCATION

#: A load above this part of the cores is told: the machine is not quiet.
QUIET_LOAD = 0.3
NEEDS_LARGE = "needs --large: to make so many accounts takes longer than to measure"
NO_TIME = "the time was up before its first run"


@dataclass(slots=True)
class Ran:
    """What the runs of one program gave: the JSON of those that ended well, and why the last one did not."""

    program: Program
    arguments: str
    found: list[Any] = field(default_factory=list)
    #: Seconds, and CPU seconds of all its processes, of each run.
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    failure: str | None = None

    def run(self, folder: Path) -> None:
        """Once more; what goes wrong is told in its rows and keeps no other program from running."""
        file, log = folder / "found.json", folder / "log"
        command = [sys.executable, "-m", f"benchmarks.{self.program.module}", *shlex.split(self.arguments)]
        started, cpu = time.monotonic(), _cpu()
        with log.open("wb") as output:
            try:
                done = subprocess.run(
                    [*command, "--json", str(file)],
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                    env=ALLOCATION | os.environ,
                    timeout=self.program.seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                self.failure = f"not done after {self.program.seconds:.0f} s"
                return
        if done.returncode:
            self.failure = f"it ended with status {done.returncode}: {_last_line(log)}"
            return
        self.found.append(json.loads(file.read_text()))
        self.seconds.append(round(time.monotonic() - started, 1))
        self.cpu_seconds.append(round(_cpu() - cpu, 1))


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _cpu() -> float:
    """CPU seconds of all programs that ended, with those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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

    @property
    def numbers(self) -> tuple[str, str, str]:
        """The median, and the least and the most of its runs."""
        if not self.values:
            return "", "", ""
        shown = (median(self.values), min(self.values), max(self.values))
        first, least, most = (f"{number:,.{self.digits}f}" for number in shown)
        return first, f"{least} to {most}", str(len(self.values))


def rows_of(ran: Sequence[Ran], *, large: bool) -> list[Measured]:
    """All rows: what was measured, then what was not and why."""
    rows = [_measured(one, row, large=large) for one in ran for row in one.program.rows]
    return [*rows, *(_not_measured(one) for one in NOT_MEASURED)]


def _measured(ran: Ran, row: Row, *, large: bool) -> Measured:
    run_with = f"{ran.program.module} {ran.arguments}".strip()
    if not ran.found:
        why = NEEDS_LARGE if ran.program.large and not large else ran.failure or NO_TIME
        return Measured(row.measure, row.aim, run_with=run_with, why=why)
    values = [float(row.value(found)) for found in ran.found]
    return Measured(row.measure, row.aim, values, row.reached(median(values)), row.digits, run_with, ran.failure)


def _not_measured(row: NotMeasured) -> Measured:
    return Measured(row.measure, row.aim, why=row.why)


def run_all(
    repeats: int, minutes: float | None, *, quick: bool, large: bool, say: Any
) -> tuple[list[Ran], list[float]]:
    """All programs in turns, and the load before each run. No run begins after so many minutes."""
    ran = [Ran(program, program.quick if quick else program.arguments) for program in PROGRAMS]
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    loads: list[float] = []
    for turn in range(repeats):
        for one in ran:
            if (one.program.large and not large) or (deadline is not None and time.monotonic() > deadline):
                continue
            loads.append(round(os.getloadavg()[0], 2))
            say(f"{turn + 1} of {repeats}: {one.program.module} {one.arguments}")
            with TemporaryDirectory(prefix="trueup-table-") as folder:
                one.run(Path(folder))
    return ran, loads


def tables(rows: Sequence[Measured], loads: Sequence[float], *, quick: bool) -> list[Table | str]:
    """What was measured, what was not, and how quiet the machine was."""
    shown = Table(title="a quick look at small sizes: it tells nothing of the aims" if quick else None)
    for column in ("measure", "aim", "median", "least to most", "runs", "run with" if quick else "reached"):
        shown.add_column(column, justify="left" if column in ("measure", "run with") else "right")
    for row in rows:
        if row.values:
            shown.add_row(row.measure, row.aim, *row.numbers, row.run_with if quick else _yes(row.reached))
    missing = Table(title="not measured")
    for column in ("measure", "aim", "why"):
        missing.add_column(column)
    for row in rows:
        if row.why is not None:
            missing.add_row(row.measure, row.aim, row.why)
    return [shown, missing, *_how_quiet(loads)]


def _yes(reached: bool | None) -> str:
    return "yes" if reached else "no"


def _how_quiet(loads: Sequence[float]) -> list[str]:
    """Load before each run. The last program's own load is still in it for a minute."""
    if not loads:
        return []
    cores = os.cpu_count() or 1
    begun, most = loads[0], max(loads)
    quiet = "quiet" if begun <= QUIET_LOAD * cores else "NOT QUIET: others' work is in these numbers"
    return [f"{cores} cores, load {begun} when it began ({quiet}), at most {most} before a run"]


@click.command()
@click.option("--repeats", type=click.IntRange(1, 50), default=5, show_default=True, help="Runs of each program.")
@click.option("--minutes", type=click.FloatRange(0), help="No run begins after so long; rows say how many they have.")
@click.option("--quick", is_flag=True, help="One run of each at small sizes: whether all of them run.")
@click.option("--large", is_flag=True, help="Also what needs 100,000 accounts.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(repeats: int, minutes: float | None, quick: bool, large: bool, file: Path | None) -> None:
    """Measure everything; the last line of the output is JSON. Status 1 if a program failed."""
    with Console(stderr=True).status("") as status:
        ran, loads = run_all(1 if quick else repeats, minutes, quick=quick, large=large, say=status.update)
    rows = rows_of(ran, large=large)
    document = {
        "quick": quick,
        "cores": os.cpu_count(),
        "load_before_each_run": loads,
        "rows": [asdict(row) | {"median": median(row.values) if row.values else None} for row in rows],
        "programs": [
            {
                "run_with": f"{one.program.module} {one.arguments}".strip(),
                "seconds": one.seconds,
                "cpu_seconds": one.cpu_seconds,
                "found": one.found,
            }
            for one in ran
        ],
    }
    show(tables(rows, loads, quick=quick), document, file)
    sys.exit(any(one.failure for one in ran))


if __name__ == "__main__":
    main()
