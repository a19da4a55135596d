"""How the suite is divided among workers."""

from pathlib import Path

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


def test_whoever_shares_a_system_of_a_folder_is_of_one_unit(request: pytest.FixtureRequest) -> None:
    """Each worker that had one of its files would start a system of its own."""
    units: dict[tuple[str, str], set[str]] = {}
    for item in request.session.items:
        assert isinstance(item, pytest.Function)
        for name, [*_, definition] in item._fixtureinfo.name2fixturedefs.items():
            if definition.scope == "package":
                units.setdefault((definition.baseid, name), set()).add(unit_of(item.nodeid))
    assert not {shared: found for shared, found in units.items() if len(found) > 1}
