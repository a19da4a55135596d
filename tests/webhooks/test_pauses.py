"""Attempts go on for three days, ever later, and not all at the same moment."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.webhooks.pauses import ASKED_MAX, BEHIND_MOST, OPEN_MOST, PAUSES, asked_pause, pause_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_the_last_attempt_is_three_days_after_the_first() -> None:
    assert timedelta(hours=71) < sum(PAUSES, timedelta()) < timedelta(hours=72)
    assert list(PAUSES) == sorted(PAUSES)
    assert pause_after(len(PAUSES), "a") is not None
    assert pause_after(len(PAUSES) + 1, "a") is None


def test_to_who_stays_away_nothing_is_open_for_more_than_a_week() -> None:
    longest = sum(PAUSES, timedelta()) * 1.1
    assert BEHIND_MOST + longest < timedelta(days=7) < OPEN_MOST
    assert sum(PAUSES, timedelta()) < BEHIND_MOST, "who waits for less has not had as long"


def test_pauses_of_several_deliveries_differ_by_a_tenth_at_most() -> None:
    for attempt, plain in enumerate(PAUSES, 1):
        pauses = [pause_after(attempt, f"msg_{number}") for number in range(50)]
        assert all(pause is not None and plain <= pause <= plain * 1.1 for pause in pauses)
        assert len(set(pauses)) > 25
        assert pauses[0] == pause_after(attempt, "msg_0")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("999999999999", 86_400),
        ("Fri, 01 Mar 2126 12:00:00 GMT", 86_400),
        ("1" * 400, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 01 Mar 99999999999999999999 12:00:00 GMT", None),
        ("Sun, 32 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:01:30 +0100", None),
        ("", None),
        ("\N{ARABIC-INDIC DIGIT THREE}", None),
    ],
)
def test_what_a_receiver_asks_for_is_read_and_has_its_bound(said: str, seconds: int | None) -> None:
    assert asked_pause(said, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.integers(1, len(PAUSES)), st.integers(0, 10**12 - 1))
def test_it_is_never_sooner_than_asked_for_nor_than_it_would_have_been(attempt: int, seconds: int) -> None:
    asked = asked_pause(str(seconds), NOW)
    pause, plain = pause_after(attempt, "a", asked), pause_after(attempt, "a")
    assert asked is not None and pause is not None and plain is not None
    assert max(asked, plain) <= pause <= ASKED_MAX * 1.1
    assert asked > PAUSES[attempt - 1] or pause == plain


def test_asking_adds_no_attempt() -> None:
    assert pause_after(len(PAUSES) + 1, "a", ASKED_MAX) is None


@given(st.text())
def test_whatever_is_said_is_read(said: str) -> None:
    asked = asked_pause(said, NOW)
    assert asked is None or timedelta(0) <= asked <= ASKED_MAX
