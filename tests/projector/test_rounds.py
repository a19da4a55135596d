"""Which partitions a write takes: the longest wait first, as many as there is time for."""

import pytest

from services.projector import write_pace
from services.projector.write_pace import AT_ONCE_S, LEAST_S, Rounds
from tests.projector.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(write_pace, "time", made)
    return made


def known(clock: Clock, of_total: float) -> Rounds:
    """What a total costs is known."""
    made = Rounds()
    made.wrote({0: 100}, LEAST_S + 100 * of_total)
    return made


def test_as_long_as_nothing_is_known_of_the_cost_all_are_taken(clock: Clock) -> None:
    assert Rounds().next({0: 10_000, 1: 10_000}) == [0, 1]


def test_what_there_is_time_for_is_written_together(clock: Clock) -> None:
    made = known(clock, AT_ONCE_S / 100)
    assert made.next({0: 40, 1: 40, 2: 20}) == [0, 1, 2]
    assert made.next({0: 40, 1: 40, 2: 21}) == [0, 1]


def test_who_waited_longest_comes_first_and_one_is_always_taken(clock: Clock) -> None:
    made = known(clock, AT_ONCE_S / 100)
    for partition in (2, 0, 1):
        made.folded([partition])
        clock.now += 0.01
    made.folded([2])
    totals = {0: 60, 1: 60, 2: 500}
    assert made.next(totals) == [2]
    made.wrote({2: 500}, LEAST_S + 500 * AT_ONCE_S / 100)
    made.folded([2])
    assert made.next(totals) == [0]


def test_who_has_no_records_but_something_to_write_is_not_passed_over(clock: Clock) -> None:
    made = known(clock, AT_ONCE_S / 100)
    made.folded([0])
    for _ in range(3):
        clock.now += 0.05
        chosen = made.next({0: 100, 1: 1})
        made.wrote(dict.fromkeys(chosen, 0), 0.01)
        made.folded([0])
        if 1 in chosen:
            break
    else:
        raise AssertionError("partition 1 had no turn")


def test_the_oldest_of_the_records_tells_how_long_they_wait(clock: Clock) -> None:
    made = Rounds()
    made.folded([0])
    clock.now += 1
    made.folded([1])
    clock.now += 1
    assert (made.waited({0: 200, 1: 50}), made.waited({1: 50}), made.waited({})) == (2, 1, 0)
    made.forget([0])
    assert made.waited({0: 200, 1: 50}) == 1
