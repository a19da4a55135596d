"""The table of aims: a row is the median of its runs, and what has none says why."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.aims import NOT_MEASURED, PROGRAMS, Program, Row
from benchmarks.table import NEEDS_LARGE, NO_TIME, Ran, rows_of

MOST = Row("waiting, ms", "<= 20", lambda found: found["ms"], 20, is_least=False, digits=1)
LEAST = Row("speed", ">= 20", lambda found: found["ms"], 20)


def ran(*milliseconds: float, large: bool = False, failure: str | None = None) -> Ran:
    program = Program("some", "--how 1", "", 10, (MOST, LEAST), large=large)
    return Ran(program, "--how 1", [{"ms": one} for one in milliseconds], failure=failure)


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


def test_every_row_is_measured_by_a_program_of_the_folder_or_says_why_it_is_not() -> None:
    for program in PROGRAMS:
        assert (Path(table.__file__).parent / f"{program.module}.py").exists() and program.rows
    assert all(row.why for row in rows_of([], large=True)) and NOT_MEASURED


@pytest.mark.parametrize(
    ("code", "found", "failure"),
    [
        ("open(sys.argv[-1], 'w').write('{}')", [{}], None),
        ("sys.exit('no room')", [], "it ended with status 1: no room"),
    ],
)
def test_a_program_that_fails_keeps_no_other_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: list[object], failure: str | None
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    one = ran()
    one.run(tmp_path)
    assert one.found == json.loads(json.dumps(found)) and one.failure == failure
    assert len(one.cpu_seconds) == len(found)


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    one = ran()
    one.program = replace(one.program, seconds=0.2)
    one.run(tmp_path)
    assert one.failure is not None and one.failure.startswith("not done after")
