"""When the projector writes: what a write costs decides, and a log that has gone quiet."""

import pytest

from services.projector import pace
from services.projector.pace import (
    FLOOD_RECORDS,
    FLOOD_SHARE,
    FRESH_S,
    LOOK_S,
    MAX_SECONDS,
    MAX_UNWRITTEN,
    OVERHEAD_S,
    QUIET_S,
    QUIET_SHARE,
    TRICKLE_SHARE,
    Pace,
)
from tests.projector.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def after_a_write(clock: Clock, seconds_per_cell: float) -> Pace:
    """A pace that has just written 100 totals at this cost; `clock` is where it began."""
    made, started = Pace(), clock.now
    clock.now += OVERHEAD_S + 100 * seconds_per_cell
    made.wrote(100, started)
    made.folded()
    clock.now = started
    return made


def seconds_until_due(clock: Clock, made: Pace, cells: int, records: float) -> float:
    """From one write to the next, while so many records a second keep coming and touch so many totals."""
    begun = clock.now
    while not made.due(cells, round(records * (clock.now - begun)) or 1):
        clock.now += 0.001
        made.folded()
    return clock.now - begun


def test_a_trickle_is_written_at_once(clock: Clock) -> None:
    made = after_a_write(clock, 0.0)
    clock.now += FRESH_S + 0.001
    assert made.due(1, 1)


def test_a_write_follows_the_one_before_as_soon_as_freshness_asks(clock: Clock) -> None:
    assert seconds_until_due(clock, after_a_write(clock, 0.0001), 100, 1_000) == pytest.approx(FRESH_S, abs=0.002)


def test_many_accounts_take_half_of_the_time(clock: Clock) -> None:
    until = seconds_until_due(clock, after_a_write(clock, 0.0002), 1_000, 5_000)
    assert until == pytest.approx(TRICKLE_SHARE * 0.0002 * 1_000, abs=0.002)


def test_in_a_flood_writing_leaves_the_time_to_rating_and_folding(clock: Clock) -> None:
    until = seconds_until_due(clock, after_a_write(clock, 0.0002), 1_000, 3 * FLOOD_RECORDS)
    assert until == pytest.approx(FLOOD_SHARE * 0.0002 * 1_000, abs=0.002)


def test_no_record_waits_longer_than_the_limit(clock: Clock) -> None:
    assert seconds_until_due(clock, after_a_write(clock, 0.01), 1000, 5000) == pytest.approx(MAX_SECONDS, abs=0.002)


def test_what_is_too_much_to_hold_is_written(clock: Clock) -> None:
    flood = after_a_write(clock, 0.01)
    assert not flood.due(1000, MAX_UNWRITTEN - 1) and flood.due(1000, MAX_UNWRITTEN)


@pytest.mark.parametrize("cells", [200, 1000])
def test_a_quiet_log_is_written_before_its_share_has_passed(clock: Clock, cells: int) -> None:
    burst = after_a_write(clock, 0.001)
    quiet = max(QUIET_S, QUIET_SHARE * 0.001 * cells)
    assert quiet < TRICKLE_SHARE * 0.001 * cells
    burst.folded()
    clock.now += quiet - 0.01
    assert not burst.due(cells, 100)
    clock.now += 0.02
    assert burst.due(cells, 100)


def test_whoever_waits_looks_again_when_it_may_be_due(clock: Clock) -> None:
    made = after_a_write(clock, 0.0)
    assert made.wait(1, 1) == pytest.approx(FRESH_S)
    clock.now += FRESH_S + 0.001
    assert made.wait(1, 1) == LOOK_S


def test_what_a_write_did_aside_makes_the_next_one_no_dearer(clock: Clock) -> None:
    pace, started = Pace(), clock.now
    clock.now += OVERHEAD_S + 0.001 + 0.5
    pace.wrote(1, started, 0.5)
    pace.folded()
    assert pace.wait(400, 5000) < 2
    clock.now += 1
    assert pace.due(400, 5000)
