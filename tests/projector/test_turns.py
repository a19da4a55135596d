"""Whose turn it is: balances of whom records touched, the longest wait first, then who is due, then draws and lines."""

from decimal import Decimal

import pytest

from projections.too_large import TooLargeError
from services.projection import behind, turns
from services.projection.behind import DEAR_SHARE, Behind
from services.projection.turns import (
    ASIDE_LEAST_SECONDS,
    LINES_SECONDS,
    OUTLOOKS_SECONDS,
    TOUCHED_SECONDS,
    WITHOUT_PAUSE,
)
from services.readside.family_state import Root
from tests.projector.clock import Clock
from tests.projector.turning import Projector


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "time", made)
    monkeypatch.setattr(behind, "time", made)
    return made


async def test_balances_come_first_and_lines_are_marked_with_how_far_they_hold(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000", "00002")
    assert projector.settling.balances == ["00000", "00002"] and projector.settling.lines == []
    assert projector.due.rows == {"00000": ("lines", 5), "00002": ("lines", 5)}


async def test_lines_follow_when_nothing_comes(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000", "00002")
    assert await projector.turns.any_due(projector.due, [projector.state])
    await projector.write(quiet=True)
    assert projector.settling.lines == ["00000", "00002"] and projector.due.rows == {}
    assert not await projector.turns.any_due(projector.due, [projector.state])


async def test_lines_wait_no_longer_while_records_keep_coming_and_a_busy_root_keeps_its_place(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000")
    clock.now += LINES_SECONDS / 2
    await projector.write("00001", "00000")
    assert projector.settling.lines == []
    clock.now += LINES_SECONDS / 2 + 0.01
    await projector.write("00002", "00000")
    assert projector.settling.lines == ["00000"] and projector.settling.outlooks == []
    assert {root: reason for root, (reason, _) in projector.due.rows.items()} == {
        "00000": "outlooks",
        "00001": "lines",
        "00002": "lines",
    }


async def test_no_balance_waits_for_lines(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    await projector.write("00000")
    clock.now += LINES_SECONDS + 0.01
    touched = {"00001": projector.cache.get("00001")}
    await projector.turns.settle(projector.due, [projector.state], touched, 200, is_quiet=False)  # type: ignore[arg-type]
    assert projector.settling.balances == ["00000", "00001"] and projector.settling.lines == []
    assert projector.turns.is_late([projector.state])
    assert await projector.turns.follow(projector.due, [projector.state]) == 1
    assert projector.settling.lines == ["00000"] and not projector.turns.is_late([projector.state])


async def test_lines_of_a_dear_root_wait_for_longer_and_keep_nobody_waiting(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    dear, cheap = projector.names
    projector.settling.takes[dear] = 1.0
    begun = clock.now
    for _ in range(2_000):
        clock.now += 0.05
        await projector.write(dear, cheap)
    written = projector.settling.lines
    # Its outlooks are written apart, each half a minute.
    assert 0.8 <= written.count(dear) * 1.0 / (clock.now - begun) / DEAR_SHARE <= 1.6
    assert written.count(cheap) > 0.8 * (clock.now - begun) / (LINES_SECONDS + 0.1)
    await projector.write(quiet=True)
    assert {dear, cheap} <= set(projector.settling.lines[-2:]), "at once when nothing comes"


async def test_outlooks_follow_last_of_all_and_wait_no_longer_than_they_may(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    await projector.write("00000")
    clock.now += LINES_SECONDS + 0.01
    await projector.write("00001")
    assert projector.settling.lines == ["00000"] and projector.settling.outlooks == []
    # A busy root keeps its place here, too, though its balances and lines have gone on meanwhile.
    for _ in range(int(OUTLOOKS_SECONDS) - 1):
        clock.now += 1.0
        await projector.write("00000")
    assert projector.settling.outlooks == []
    clock.now += 1.0
    await projector.write("00000")
    assert projector.settling.outlooks == ["00000"]
    assert projector.due.rows == {"00001": ("outlooks", 0)}
    await projector.write(quiet=True)
    assert sorted(projector.settling.outlooks) == projector.names and projector.due.rows == {}


async def test_lines_have_a_part_of_the_time_and_the_rest_follow_oldest_first(clock: Clock) -> None:
    projector = Projector(clock, 300, 0.0)
    await projector.write(*projector.names)
    clock.now += LINES_SECONDS + 0.01
    projector.settling.seconds = ASIDE_LEAST_SECONDS
    await projector.write()
    done = len(projector.settling.lines)
    assert 0 < done < 60 and projector.settling.lines == projector.names[:done]
    await projector.write()
    assert projector.settling.lines[: done + 1] == projector.names[: done + 1]


async def test_who_is_beyond_the_time_is_due_and_comes_before_whoever_is_touched_later(clock: Clock) -> None:
    projector = Projector(clock, 5 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    projector.turns._lines.seconds = 1_000.0
    await projector.write(*projector.names)
    settled = len(projector.settling.balances)
    left = projector.names[settled:]
    assert len(left) > WITHOUT_PAUSE and projector.settling.balances == projector.names[:settled]
    assert {projector.due.rows[name] for name in left} == {("usage", 5)}
    # Touched anew, and again: nobody comes before those that wait already, nor loses the place.
    while len(projector.settling.balances) < len(projector.names):
        await projector.write("00000", projector.names[-1])
    assert projector.settling.balances[: len(projector.names)] == projector.names
    assert "usage" not in {reason for reason, _ in projector.due.rows.values()}


async def test_many_that_are_touched_all_the_time_wait_equally_long(clock: Clock) -> None:
    """There is time for a sixth of them in each write."""
    projector = Projector(clock, 6 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    projector.turns._lines.seconds = 1_000.0
    last, waited = dict.fromkeys(projector.names, -1), set[int]()
    for number in range(30):
        clock.now += 0.05
        before = len(projector.settling.balances)
        await projector.write(*projector.names)
        for name in projector.settling.balances[before:]:
            waited.add(number - last[name])
            last[name] = number
    assert max(waited) <= 7 and min(last.values()) >= 30 - 7


async def test_who_is_left_over_elsewhere_is_forgotten(clock: Clock) -> None:
    projector = Projector(clock, 5 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    await projector.write(*projector.names)
    assert projector.turns.has_more_due
    projector.turns.forget([0])
    settled = len(projector.settling.balances)
    await projector.write()
    assert len(projector.settling.balances) == settled and not projector.turns.has_more_due


async def test_a_busy_root_starves_nobody(clock: Clock) -> None:
    projector = Projector(clock, 4 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    await projector.write(*projector.names)
    for _ in range(200):
        clock.now += 0.05
        await projector.write("00000")
    assert set(projector.settling.balances) == set(projector.names)
    assert set(projector.settling.lines) == set(projector.names)


async def test_all_are_settled_in_turn_though_each_is_touched_with_every_write(clock: Clock) -> None:
    projector = Projector(clock, 4 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    for _ in range(8):
        clock.now += 0.05
        await projector.write(*projector.names)
        projector.state.position.stored += 1
    assert set(projector.settling.balances) == set(projector.names)


async def test_lines_of_who_is_due_follow_while_records_keep_coming_and_come_at_once_when_none_do(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    projector.due.rows = {name: ("catalog", 3) for name in projector.names}
    await projector.write(limit=1)
    assert projector.settling.balances == ["00000"] and projector.settling.lines == []
    assert projector.due.rows == {"00000": ("lines", 3), "00001": ("catalog", 3)}
    await projector.write(quiet=True)
    assert sorted(projector.settling.lines) == projector.names and projector.due.rows == {}


async def test_who_cannot_be_settled_is_due_as_failed_and_is_not_tried_again_by_itself(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    projector.settling.broken = {"00001"}
    await projector.write("00000", "00001")
    assert projector.due.rows == {"00000": ("lines", 5), "00001": ("failed", 5)}
    await projector.write(quiet=True)
    assert projector.due.rows == {"00001": ("failed", 5)}
    assert not await projector.turns.any_due(projector.due, [projector.state])
    projector.settling.broken = set()
    await projector.write("00001")
    await projector.write(quiet=True)
    assert projector.due.rows == {}


@pytest.mark.parametrize(("whose", "is_tried"), [("org", True), (None, True), ("another", False)])
async def test_who_could_not_be_settled_is_tried_again_when_its_catalog_or_day_changed(
    clock: Clock, whose: str | None, is_tried: bool
) -> None:
    projector = Projector(clock, 2, 0.0)
    projector.settling.broken = {"00001"}
    await projector.write(*projector.names)
    projector.settling.broken = set()
    projector.turns.try_again(whose)
    await projector.write(quiet=True)
    assert projector.due.rows == ({} if is_tried else {"00001": ("failed", 5)})


async def test_who_could_not_be_settled_is_tried_again_by_whoever_takes_the_partition_over(clock: Clock) -> None:
    """It was away, was mended there, and came back: by then it is marked for another reason."""
    projector = Projector(clock, 2, 0.0)
    projector.settling.broken = {"00001"}
    await projector.write(*projector.names)
    projector.settling.broken = set()
    projector.turns.forget([0])
    projector.due.rows["00001"] = ("taken over", 5)
    await projector.write(quiet=True)
    assert "00001" not in projector.due.rows


async def test_who_has_too_large_a_number_is_due_for_another_reason(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    projector.settling.broken, projector.settling.why = {"00001"}, TooLargeError("00001", "a line", Decimal(10) ** 18)
    await projector.write(*projector.names)
    assert projector.due.rows == {"00000": ("lines", 5), "00001": ("too large", 5)}


def test_partitions_that_somebody_else_writes_are_forgotten() -> None:
    held = Behind(LINES_SECONDS)
    mine = Root("org", "mine", 0)
    held.note([mine, Root("org", "theirs", 1)])
    held.forget([1])
    assert held.next([0, 1], all_of_them=True) == [mine]


def test_who_lies_in_another_partition_has_another_turn() -> None:
    held = Behind(LINES_SECONDS)
    mine = Root("org", "mine", 0)
    held.note([Root("org", "theirs", 1), mine])
    assert held.next([0], all_of_them=True) == [mine]
