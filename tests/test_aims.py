"""The table of aims: a row is the median of its runs, and what has none says why."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.aims import Program, Row
from benchmarks.programs import PROGRAMS
from benchmarks.runs import Ran
from benchmarks.table import NEEDS_LARGE, NO_TIME, rows_of, run_all

MOST = Row("waiting, ms", "<= 20", lambda document: document["ms"], 20, is_least=False, digits=1)
LEAST = Row("speed", ">= 20", lambda document: document["ms"], 20)


def ran(*milliseconds: float, large: bool = False, failure: str | None = None) -> Ran:
    program = Program("some", "--how 1", "", 10, (MOST, LEAST), large=large)
    return Ran(program, "--how 1", [{"ms": millisecond} for millisecond in milliseconds], failure=failure)


def test_a_row_is_the_median_of_its_runs_against_its_aim() -> None:
    waiting, speed = rows_of([ran(12, 300, 18)], large=False)[:2]
    assert waiting.numbers == ("18.0", "12.0 to 300.0", "3") and waiting.reached and waiting.why is None
    assert speed.numbers == ("18", "12 to 300", "3") and speed.reached is False


@pytest.mark.parametrize(
    ("without", "why"),
    [
        (ran(), NO_TIME),
        (ran(large=True), NEEDS_LARGE),
        (ran(failure="not done after 10 s"), "not done after 10 s"),
    ],
)
def test_what_has_no_number_says_why(without: Ran, why: str) -> None:
    assert [row.why for row in rows_of([without], large=False)[:2]] == [why, why]


def test_a_run_that_failed_is_told_beside_those_that_did_not() -> None:
    row = rows_of([ran(12, failure="it ended with status 1: no")], large=False)[0]
    assert row.numbers[2] == "1" and row.why == "it ended with status 1: no"


def test_every_row_is_measured_by_a_program_of_the_folder() -> None:
    for program in PROGRAMS:
        assert (Path(table.__file__).parent / f"{program.module}.py").exists() and program.rows
    assert len({(program.module, program.arguments) for program in PROGRAMS}) == len(PROGRAMS)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Every program is one that does what this Python says; its JSON goes into the file `sys.argv[-1]`."""

    def is_one_that(code: str) -> None:
        script = tmp_path / "program"
        script.write_text(f"#!{sys.executable}\nimport json, signal, sys, time\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr("benchmarks.runs.PYTHON", str(script))

    return is_one_that


@pytest.mark.parametrize(
    ("code", "documents", "failure"),
    [
        ("open(sys.argv[-1], 'w').write('{}')", [{}], None),
        ("sys.exit('no room')", [], "it ended with status 1: no room"),
    ],
)
def test_a_program_that_fails_keeps_no_other_from_running(
    program: Callable[[str], None], code: str, documents: list[object], failure: str | None
) -> None:
    program(code)
    program_run = ran()
    program_run.run()
    assert program_run.documents == documents and program_run.failure == failure
    assert len(program_run.cpu_seconds) == len(program_run.loads) == len(documents)


def test_a_program_that_takes_too_long_is_ended(program: Callable[[str], None]) -> None:
    program("time.sleep(60)")
    program_run = ran()
    program_run.program = replace(program_run.program, seconds=0.2)
    program_run.run()
    assert program_run.failure is not None and program_run.failure.startswith("not done after")


def test_what_was_measured_is_kept_when_the_time_is_up(tmp_path: Path, program: Callable[[str], None]) -> None:
    # The first one is done at once; the other would take a minute, and cleans up when it is ended.
    program(
        "if '--slow' in sys.argv:\n    try: time.sleep(60)\n    finally: open(sys.argv[4], 'w').close()\n"
        "json.dump({'ms': 7}, open(sys.argv[-1], 'w'))"
    )
    fast, slow = ran(), ran()
    slow.arguments = f"--slow {tmp_path / 'cleaned'}"
    kept: list[int] = []
    run_all([fast, slow], 1, 0.05, large=False, say=lambda _: None, keep=lambda: kept.append(len(fast.documents)))
    assert (tmp_path / "cleaned").exists(), "it was interrupted, not killed"
    assert kept == [1, 1] and fast.documents == [{"ms": 7}] and slow.documents == [] and slow.failure is None


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(2_400)
def test_every_program_gives_all_its_rows_at_small_sizes(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.table", "--quick", "--large", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = json.loads(file.read_text())["rows"]
    assert done.returncode == 0, [(row["measure"], row["why"]) for row in rows if row["why"]]
    assert all(row["median"] is not None for row in rows)
