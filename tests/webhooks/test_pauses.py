"""Attempts go on for three days, ever later, and not all at the same moment."""

from datetime import timedelta

from services.webhooks.pauses import PAUSES, pause_after


def test_the_last_attempt_is_three_days_after_the_first() -> None:
    assert timedelta(hours=71) < sum(PAUSES, timedelta()) < timedelta(hours=72)
    assert list(PAUSES) == sorted(PAUSES)
    assert pause_after(len(PAUSES), "a") is not None
    assert pause_after(len(PAUSES) + 1, "a") is None


def test_pauses_of_several_deliveries_differ_by_a_tenth_at_most() -> None:
    for attempt, plain in enumerate(PAUSES, 1):
        pauses = [pause_after(attempt, f"msg_{number}") for number in range(50)]
        assert all(pause is not None and plain <= pause <= plain * 1.1 for pause in pauses)
        assert len(set(pauses)) > 25
        assert pauses[0] == pause_after(attempt, "msg_0")
