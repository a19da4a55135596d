"""How fast records come, of what was seen of the topics' ends."""

from services.api.record_rates import RecordPace


def test_the_pace_is_that_of_the_last_minute() -> None:
    pace = RecordPace()
    assert pace.rates() is None
    pace.note(0, {"usage": {0: 10, 1: 5}})
    assert pace.rates() is None
    pace.note(0.5, {"usage": {0: 11, 1: 5}})
    assert pace.rates() is None, "too near to each other to say"
    for second in range(10, 131, 10):
        pace.note(second, {"usage": {0: 10 + second * 2, 1: 5}})
    rates = pace.rates()
    assert rates is not None and (rates.seconds, rates.per_second) == (60, {"usage": 2.0})


def test_a_topic_that_was_made_anew_is_not_slower_than_standing_still() -> None:
    pace = RecordPace()
    pace.note(0, {"usage": {0: 1_000}})
    pace.note(10, {"usage": {0: 3}, "log": {0: 7}})
    rates = pace.rates()
    assert rates is not None and rates.per_second == {"usage": 0, "log": 0}
