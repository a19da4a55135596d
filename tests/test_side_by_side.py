"""How the suite is divided among workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.side_by_side import LONGEST, rank_of, unit_of

ROOT = Path(__file__).parent.parent


def test_whatever_is_said_to_take_long_is_there() -> None:
    gone = [start for unit in LONGEST for start in unit if not [*ROOT.glob(f"{start}*")]]
    assert not gone


def test_files_of_one_row_are_one_unit_and_begin_before_the_others() -> None:
    jobs, memos, large, dates = (
        f"tests/{name}.py::test"
        for name in ("billing/test_jobs", "billing/test_memos", "billing/test_large_bills", "events/test_dates")
    )
    assert unit_of(jobs) == unit_of(memos) == "tests/billing/"
    assert unit_of(large) == "tests/billing/test_large_bills.py", "a row of its own wins over its folder's"
    assert unit_of(dates) == "tests/events/test_dates.py"
    assert rank_of(jobs) == rank_of(memos) < rank_of(large) < rank_of(dates)


def fixtures_of(request: pytest.FixtureRequest) -> Iterator[tuple[str, pytest.FixtureDef[Any]]]:
    """Each test's unit, and each fixture that it has."""
    for item in request.session.items:
        assert isinstance(item, pytest.Function)
        for [*_, definition] in item._fixtureinfo.name2fixturedefs.values():
            yield unit_of(item.nodeid), definition


def test_whoever_shares_a_system_of_a_folder_is_of_one_unit(request: pytest.FixtureRequest) -> None:
    """Each worker that had one of its files would start a system of its own."""
    units: dict[tuple[str, str], set[str]] = {}
    for unit, definition in fixtures_of(request):
        if definition.scope == "package" or definition.argname in ("common_system", "breakable"):
            units.setdefault((definition.baseid, definition.argname), set()).add(unit)
    assert not {shared: found for shared, found in units.items() if len(found) > 1}


def test_whoever_needs_the_stack_that_most_share_is_of_a_row(request: pytest.FixtureRequest) -> None:
    """Each worker starts one, while there is long work to be done on it, and none at the end for a short file."""
    units = {unit for unit, fixture in fixtures_of(request) if (fixture.baseid, fixture.argname) == ("tests", "stack")}
    assert units <= {unit for unit, *_ in LONGEST}


PROBE = """
import pytest

told = []

@pytest.fixture(scope="session")
def stack():
    yield told.append("begins")
    told.append("ends")

@pytest.fixture(scope="session")
def made_of_it(stack):
    yield
    told.append("what was made of it ends")

def test_uses_it(made_of_it): ...
def test_is_between(): assert told == ["begins"]
def test_uses_it_too(stack): assert told == ["begins"]
def test_comes_behind(): assert told == ["begins", "what was made of it ends", "ends"]
"""

CONFTEST = """
from tests.side_by_side import Endings

def pytest_configure(config):
    config.pluginmanager.register(Endings())
"""


def test_servers_end_before_a_test_from_which_on_nobody_uses_them(tmp_path: Path) -> None:
    (tmp_path / "test_probe.py").write_text(PROBE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
