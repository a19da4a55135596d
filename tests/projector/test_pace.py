"""When the projector writes: what the last write cost decides, and a log that has gone quiet."""

import pytest

from services.projector import write_pace
from services.projector.write_pace import (
    FLOOD_RECORDS,
    FLOOD_SHARE,
    FRESH_S,
    LOOK_S,
    MAX_SECONDS,
    MAX_UNWRITTEN,
    QUIET_S,
    QUIET_SHARE,
    TRICKLE_SHARE,
    Pace,
)
from tests.projector.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(write_pace, "time", made)
    return made


def after_a_write(clock: Clock, seconds: float) -> Pace:
    """A pace whose last write took so long; `clock` is where it began."""
    made, started = Pace(), clock.now
    clock.now += seconds
    made.wrote(started)
    made.folded(0)
    clock.now = started
    return made


def seconds_until_due(clock: Clock, made: Pace, records: float) -> float:
    """From the beginning of one write to that of the next, while so many records a second keep coming."""
    begun, come = clock.now, 0
    while not made.due(come or 1, clock.now - begun):
        clock.now += 0.001
        now = round(records * (clock.now - begun))
        made.folded(now - come)
        come = now
    return clock.now - begun


def test_what_gathered_while_it_was_writing_is_no_flood(clock: Clock) -> None:
    made, started = Pace(), clock.now
    clock.now += 1
    made.wrote(started)
    made.folded(FLOOD_RECORDS - 1_000)
    clock.now += TRICKLE_SHARE - 1 - 0.01
    assert not made.due(FLOOD_RECORDS, 0.0)
    clock.now += 0.02
    assert made.due(FLOOD_RECORDS, 0.0)
    made.folded(FLOOD_RECORDS)
    assert not made.due(FLOOD_RECORDS, 0.0), "twice as many are"


def test_a_trickle_is_written_at_once(clock: Clock) -> None:
    made = after_a_write(clock, 0.0)
    clock.now += FRESH_S + 0.001
    assert made.due(1, 0)


def test_a_write_follows_the_one_before_as_soon_as_freshness_asks(clock: Clock) -> None:
    assert seconds_until_due(clock, after_a_write(clock, 0.01), 1_000) == pytest.approx(FRESH_S, abs=0.002)


def test_many_accounts_take_their_part_of_the_time(clock: Clock) -> None:
    until = seconds_until_due(clock, after_a_write(clock, 0.2), 5_000)
    assert until == pytest.approx(TRICKLE_SHARE * 0.2, abs=0.002)


def test_in_a_flood_writing_leaves_the_time_to_rating_and_folding(clock: Clock) -> None:
    until = seconds_until_due(clock, after_a_write(clock, 0.2), 3 * FLOOD_RECORDS)
    assert until == pytest.approx(FLOOD_SHARE * 0.2, abs=0.002)


@pytest.mark.parametrize("seconds", [0.02, 0.4], ids=["a cheap one", "a dear one"])
def test_one_write_that_took_long_is_forgotten_with_the_next(clock: Clock, seconds: float) -> None:
    """Many totals wait after it, at a cost of each that a dear write of few would make seem high: who waits for longer
    the more is waiting waits for ever."""
    made = after_a_write(clock, seconds)
    for _ in range(6):
        clock.now += seconds_until_due(clock, made, 1_000)
        started = clock.now
        clock.now += 0.02
        made.wrote(started)
        made.folded(0)
        clock.now = started
    assert seconds_until_due(clock, made, 1_000) == pytest.approx(FRESH_S, abs=0.002)


def test_no_record_waits_longer_than_the_limit(clock: Clock) -> None:
    assert seconds_until_due(clock, after_a_write(clock, 10), 5000) == pytest.approx(MAX_SECONDS, abs=0.002)


def test_what_is_too_much_to_hold_is_written(clock: Clock) -> None:
    flood = after_a_write(clock, 10)
    assert not flood.due(MAX_UNWRITTEN - 1, 0) and flood.due(MAX_UNWRITTEN, 0)


@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_a_quiet_log_is_written_before_its_share_has_passed(clock: Clock, seconds: float) -> None:
    burst = after_a_write(clock, seconds)
    quiet = max(QUIET_S, QUIET_SHARE * seconds)
    assert quiet < TRICKLE_SHARE * seconds
    burst.folded(100)
    clock.now += quiet - 0.01
    assert not burst.due(100, 0)
    clock.now += 0.02
    assert burst.due(100, 0)


def test_whoever_waits_looks_again_when_it_may_be_due(clock: Clock) -> None:
    made = after_a_write(clock, 0.0)
    assert made.wait(1, 0) == pytest.approx(FRESH_S)
    clock.now += FRESH_S + 0.001
    assert made.wait(1, 0) == LOOK_S


def test_what_a_write_did_aside_delays_no_other(clock: Clock) -> None:
    pace, started = Pace(), clock.now
    clock.now += 0.001 + 0.5
    pace.wrote(started, 0.5)
    pace.folded(5000)
    assert pace.due(5000, 0)
