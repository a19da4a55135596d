"""How the suite is divided among workers."""

from pathlib import Path

from tests.side_by_side import LONGEST, rank_of, unit_of

ROOT = Path(__file__).parent.parent


def test_whatever_is_said_to_take_long_is_there() -> None:
    gone = [start for unit in LONGEST for start in unit if not [*ROOT.glob(f"{start}*")]]
    assert not gone


def test_files_that_share_a_system_are_one_unit_and_begin_before_the_others() -> None:
    jobs, memos, fold = (f"tests/billing/test_{name}.py::test" for name in ("jobs", "memos", "fold"))
    assert unit_of(jobs) == unit_of(memos) != unit_of(fold) == "tests/billing/test_fold.py"
    assert rank_of(jobs) == rank_of(memos) < rank_of(fold)
