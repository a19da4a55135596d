"""When the projector writes: what a write costs decides, and a log that has gone quiet."""

import pytest

from services.projector import worker
from services.projector.worker import FOLD_SHARE, MAX_SECONDS, MAX_UNWRITTEN, OVERHEAD_S, QUIET_S, QUIET_SHARE, Pace


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(worker, "time", made)
    return made


def after_a_write(clock: Clock, seconds_per_cell: float) -> Pace:
    """A pace that has just written 100 totals at this cost."""
    made, started = Pace(), clock.now
    clock.now += OVERHEAD_S + 100 * seconds_per_cell
    made.wrote(100, started)
    made.folded()
    return made


def test_a_trickle_is_written_at_once(clock: Clock) -> None:
    assert after_a_write(clock, 0.0).due(1, 1)


def test_in_a_flood_folding_gets_its_share_of_the_time(clock: Clock) -> None:
    flood, written = after_a_write(clock, 0.001), clock.now
    cost = 0.001 * 200
    while clock.now < written + FOLD_SHARE * cost - 0.02:
        assert not flood.due(200, 5000)
        clock.now += 0.01
        flood.folded()
    clock.now += 0.03
    assert flood.due(200, 5000)


def test_no_record_waits_longer_than_the_limit(clock: Clock) -> None:
    flood, written = after_a_write(clock, 0.01), clock.now
    clock.now = written + MAX_SECONDS - 0.01
    flood.folded()
    assert not flood.due(1000, 5000)
    clock.now = written + MAX_SECONDS + 0.01
    assert flood.due(1000, 5000)


def test_what_is_too_much_to_hold_is_written(clock: Clock) -> None:
    flood = after_a_write(clock, 0.01)
    assert not flood.due(1000, MAX_UNWRITTEN - 1) and flood.due(1000, MAX_UNWRITTEN)


@pytest.mark.parametrize("cells", [20, 500])
def test_a_quiet_log_is_written_before_its_share_has_passed(clock: Clock, cells: int) -> None:
    burst = after_a_write(clock, 0.001)
    quiet = max(QUIET_S, QUIET_SHARE * 0.001 * cells)
    assert quiet < FOLD_SHARE * 0.001 * cells
    clock.now += quiet - 0.01
    assert not burst.due(cells, 5000)
    clock.now += 0.02
    assert burst.due(cells, 5000)
