"""Which day and which moment a page is asked for, by its address or by its sliders, and where the sliders stand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.console.asking import Missing
from services.console.time_bar import is_form, moment_of, read_moment, time_bar

SPAN = {
    "accountId": "a", "timezone": "Asia/Tokyo", "today": "2026-03-01", "firstDay": "2026-01-01",
    "lastDay": "2027-03-31", "firstKnownAt": "2026-02-27T23:59:58.5Z", "lastKnownAt": "2026-03-01T00:00:00.25Z",
}  # fmt: skip


def sent(moment: dict[str, str], **changed: str) -> dict[str, str]:
    """What a browser without script sends of the bar of a page, of which somebody has moved or typed something."""
    bar = time_bar(SPAN, moment)
    assert bar is not None
    form: dict[str, str] = {}
    for track in (bar.days, bar.moments):
        form |= {track.name: track.exact, f"{track.name}Before": track.in_address, track.slider: str(track.value)}
        form |= {f"{track.slider}Before": str(track.value), f"{track.slider}High": str(track.high)}
    return form | changed


def test_the_sliders_go_from_the_first_fact_to_the_last_day_and_to_now() -> None:
    bar = time_bar(SPAN, {})
    assert bar is not None and (bar.zone, str(bar.today)) == ("Asia/Tokyo", "2026-03-01")
    day = 86_400
    first, last, today = (datetime(*at, tzinfo=UTC) for at in ((2026, 1, 1), (2027, 3, 31), (2026, 3, 1)))
    assert (bar.days.low * day, bar.days.high * day) == (first.timestamp(), last.timestamp())
    assert (bar.days.value * day, bar.days.exact, bar.days.in_address) == (today.timestamp(), "", "")
    assert (bar.moments.high - bar.moments.low) / bar.moments.step <= 1_501
    since = datetime.fromisoformat("2026-02-27T23:59:58.5+00:00").timestamp()
    assert since <= bar.moments.low < since + bar.moments.step, "at its beginning the account was known"
    assert bar.moments.value == bar.moments.high == bar.moments.now >= today.timestamp()
    assert (bar.moments.high - bar.moments.low) % bar.moments.step == 0, "a browser would move it otherwise"


@pytest.mark.parametrize("asked", ["2026-01-15", "2020-01-01", "2030-01-01"])
def test_a_day_beyond_the_slider_is_asked_for_all_the_same(asked: str) -> None:
    bar = time_bar(SPAN, {"asOf": asked})
    assert bar is not None and bar.days.low <= bar.days.value <= bar.days.high and bar.days.exact == asked
    assert moment_of(sent({"asOf": asked})) == {"asOf": asked}


@pytest.mark.parametrize(
    ("moment", "changed", "found"),
    [
        ({}, {}, {}),
        ({}, {"asOfSlider": "20468"}, {"asOf": "2026-01-15"}),
        ({}, {"asOf": "2026-01-16"}, {"asOf": "2026-01-16"}),
        ({}, {"asOf": "2026-01-16", "asOfSlider": "20468"}, {"asOf": "2026-01-16"}),
        ({"asOf": "2026-01-15"}, {"asOf": ""}, {}),
        ({"asOf": "2026-01-15"}, {"now": "asOf"}, {}),
        ({"asOf": "2026-01-15"}, {"asOfSlider": "20469"}, {"asOf": "2026-01-16"}),
        ({}, {"knownAt": "2026-02-28T12:00"}, {"knownAt": "2026-02-28T12:00:00Z"}),
        ({}, {"knownAtSlider": "1772280000"}, {"knownAt": "2026-02-28T12:00:00Z"}),
        ({"knownAt": "2026-02-28T12:00:00.123456Z"}, {}, {"knownAt": "2026-02-28T12:00:00.123456Z"}),
        # A browser leaves out seconds that are zero.
        ({"knownAt": "2026-02-28T12:00:00Z"}, {"knownAt": "2026-02-28T12:00"}, {"knownAt": "2026-02-28T12:00:00Z"}),
        ({"knownAt": "2026-02-28T13:00:00+01:00"}, {}, {"knownAt": "2026-02-28T13:00:00+01:00"}),
        ({"knownAt": "2026-02-28T12:00:00Z"}, {"knownAtSlider": "99999999999"}, {}),
        ({"knownAt": "2026-02-28T12:00:00Z", "asOf": "2026-01-15"}, {"now": "knownAt"}, {"asOf": "2026-01-15"}),
        ({}, {"asOfSlider": "-1e9"}, {}),
        ({}, {"knownAtSlider": "x", "asOfSlider": "99999999999999"}, {}),
    ],
)
def test_who_was_moved_is_asked_for(moment: dict[str, str], changed: dict[str, str], found: dict[str, str]) -> None:
    form = sent(moment, **changed)
    assert is_form(form) and moment_of(form) == found


@pytest.mark.parametrize("beyond", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-01:00"])
def test_a_moment_that_utc_does_not_have_is_for_the_api_to_refuse(beyond: str) -> None:
    form = {"knownAtSlider": "1", "knownAt": "", "knownAtBefore": beyond}
    assert read_moment(beyond) is None and moment_of({"knownAt": beyond}) == {"knownAt": beyond}
    assert moment_of(form | {"knownAtSliderBefore": "1"}) == {"knownAt": beyond}


def test_an_address_says_it_plainly() -> None:
    address = {"asOf": " 2026-01-15 ", "knownAt": "2026-02-28T12:00:00", "q": "x"}
    assert not is_form(address)
    assert moment_of(address) == {"asOf": "2026-01-15", "knownAt": "2026-02-28T12:00:00Z"}
    assert moment_of({"asOf": "yesterday", "knownAt": "noon"}) == {"asOf": "yesterday", "knownAt": "noon"}
    assert moment_of({"asOf": "", "knownAt": " "}) == {}


@pytest.mark.parametrize("seconds", [0, 1, 60, 86_400, 86_400 * 365, 86_400 * 3650])
def test_it_has_few_steps_however_old_the_account_is(seconds: int) -> None:
    now = datetime(2036, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    since = datetime.fromtimestamp(now.timestamp() - seconds, UTC)
    span: dict[str, Any] = SPAN | {"firstKnownAt": since.isoformat(), "lastKnownAt": now.isoformat()}
    bar = time_bar(span, {})
    assert bar is not None and bar.moments.low < bar.moments.high
    assert (bar.moments.high - bar.moments.low) // bar.moments.step <= 1_501


def test_without_a_span_there_are_no_sliders() -> None:
    assert time_bar(Missing(503, "not now"), {}) is None
