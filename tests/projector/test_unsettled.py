"""Families that cannot be settled: counted every time, logged once, and no row of a number that is too large stays."""

from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from projections.readmodels import accrued_lines, balances, draws, outlooks
from projections.readmodels.directory import Member
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.settlement import Billed
from projections.too_large import TooLargeError
from services.projection.settling import Settler
from services.projection.unsettled import Unsettled
from services.projection.unwritten import new_partition
from services.readside.family_state import FamilyState
from services.sight.metrics import UNSETTLED

HUGE = TooLargeError("acme", "USAGE from 2026-01-01", Decimal("1.5E+18"))
BEHIND: tuple[Any, ...] = (draws, accrued_lines, outlooks)
BUG = AssertionError("a law does not hold")


def family(root: str = "acme", partition: int = 0) -> FamilyState:
    return FamilyState("org", root, partition, Resources("org"), Billed())


def counted(reason: str) -> float:
    return UNSETTLED.labels(reason)._value.get()


def test_it_is_counted_each_time_and_logged_once_until_it_is_settled_or_fails_for_another_reason() -> None:
    unsettled, acme, before = Unsettled(), family(), counted("too large")
    with capture_logs() as logs:
        for _ in range(3):
            unsettled.note(acme, HUGE)
    assert [entry["why"] for entry in logs] == [str(HUGE)] and counted("too large") == before + 3
    assert unsettled.among([acme, family("bolt")], "too large") == [acme] and not unsettled.among([acme], "failed")
    with capture_logs() as logs:
        unsettled.note(acme, BUG)
        unsettled.settled("acme")
        unsettled.note(acme, BUG)
    assert [entry["exc_info"] for entry in logs] == [BUG, BUG]


def test_partitions_that_somebody_else_writes_are_forgotten() -> None:
    unsettled, mine, theirs = Unsettled(), family("mine", 0), family("theirs", 1)
    for each in (mine, theirs):
        unsettled.note(each, BUG)
    unsettled.forget([1])
    assert unsettled.among([mine, theirs], "failed") == [mine]


class Statements:
    """A connection that only notes what it is asked to do, with the first argument."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    async def execute(self, statement: str, *arguments: Any) -> None:
        self.told[statement] = arguments


@pytest.mark.parametrize("where", ["_shown", "_behind_rows"])
async def test_no_row_that_a_number_too_large_belongs_to_stays(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def too_large(*_: Any) -> Any:
        raise HUGE

    settler, acme, state, postgres = Settler(None), family(), new_partition(Position(0), {}), Statements()  # type: ignore[arg-type]
    acme.members["acme"] = Member("UTC", billable=True)
    for name in ("_shown", "_settle", "_behind_rows"):
        monkeypatch.setattr(settler, name, too_large if name == where else lambda *_: {})
    assert settler.settle(acme, state) is (where == "_behind_rows")
    if where == "_behind_rows":
        assert not settler.write_behind(acme, state, outlooks=False)
    assert settler.unsettled.among([acme], "too large") == [acme]
    await settler.flush(postgres)
    dropped = {balances.DROP_OTHERS: (["acme"], []), **{table.DROP_EXCESS: (["acme"], [0]) for table in BEHIND}}
    assert {statement: told for statement, told in postgres.told.items() if statement in dropped} == dropped
    postgres.told.clear()
    await settler.flush(postgres)
    assert postgres.told == {}
