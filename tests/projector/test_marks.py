"""Whose row in `due_accounts` is written: nobody's that says already what it is to say."""

import pytest

from services.projection import behind, turns
from services.projection.turns import LINES_SECONDS, TOUCHED_SECONDS, WITHOUT_PAUSE
from tests.projector.clock import Clock
from tests.projector.turning import Projector


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "time", made)
    monkeypatch.setattr(behind, "time", made)
    return made


async def test_whose_row_says_already_that_lines_follow_is_not_marked_again(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    for _ in range(3):
        await projector.write("00000", "00002")
    assert projector.due.told == ["00000", "00002"]
    clock.now += LINES_SECONDS + 0.01
    await projector.write("00002")
    assert projector.due.rows == {"00000": ("outlooks", 0), "00002": ("outlooks", 0)}
    await projector.write("00000")
    assert projector.due.told == ["00000", "00002", "00000"] and projector.due.rows["00000"] == ("lines", 5)


@pytest.mark.parametrize("reason", ["catalog", "failed"])
async def test_a_row_that_something_else_has_marked_since_is_marked_once_its_turn_has_come(
    clock: Clock, reason: str
) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000")
    if reason == "failed":
        projector.settling.broken = {"00000"}
        await projector.write("00000")
        projector.settling.broken = set()
    else:
        projector.due.mark("00000", reason, 6)
    assert projector.due.rows == {"00000": (reason, 5)}
    await projector.write("00000")
    assert projector.due.rows == {"00000": ("lines", 5)}


async def test_who_was_left_over_is_marked_again_when_it_is_settled_before_its_turn(clock: Clock) -> None:
    projector = Projector(clock, WITHOUT_PAUSE + 2, 0.0)
    await projector.write(*projector.names)
    projector.settling.seconds = 1.1 * TOUCHED_SECONDS / (WITHOUT_PAUSE - 1)
    await projector.write(*projector.names)
    left = [root for root, (reason, _) in projector.due.rows.items() if reason == "usage"]
    assert left
    projector.settling.seconds = 0.0
    await projector.write(*projector.names)
    assert {reason for reason, _ in projector.due.rows.values()} == {"lines"}


async def test_marks_in_partitions_that_somebody_else_wrote_since_are_not_relied_on(clock: Clock) -> None:
    projector = Projector(clock, 1, 0.0)
    await projector.write("00000")
    projector.turns.forget([0])
    projector.due.rows = {}
    await projector.write("00000")
    assert projector.due.rows == {"00000": ("lines", 5)}
