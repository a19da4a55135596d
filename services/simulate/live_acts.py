"""Waits for what a live organization does by itself: acts of automatic rules, alerts, held usage."""

import time
from collections.abc import Callable
from typing import Any

from services.refusals.refusal import Reason
from services.simulate.live_wording import LiveNames
from services.simulate.player import IsExpected, Told
from services.simulate.telling import act_told, held_told, in_order, one_after_another

#: Time limit in seconds. The product needs a second or two, half a minute for forecasts, unless the system is busy.
ACTS_SECONDS = 60.0
_LOOK_SECONDS = 0.3


def awaited(ask: Callable[[], Told], is_expected: IsExpected) -> Told:
    """The result of `ask` once it is as expected, or after ACTS_SECONDS."""
    until = time.monotonic() + ACTS_SECONDS
    while not is_expected(told := ask()) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return told


def told_by(what: str, rule: str, ask: Callable[..., Any], names: LiveNames) -> Callable[[], Told]:
    """The function that queries the acts, alerts or held records; `rule` is a rule's code, `ask` calls the API.

    Raises: RefusedError if there is no such rule.
    """
    if what == "held":
        return lambda: _held(ask)
    if what == "alerts":
        alerting = names.created("notificationConfiguration", rule)
        return lambda: one_after_another(
            names.alert_of(event) for event in reversed(ask("GET", "events", notificationId=alerting)["data"])
        )
    acting = names.rule(rule)
    return lambda: tuple(map(act_told, reversed(ask("GET", "automaticacts", ruleId=acting)["data"])))


def _held(ask: Callable[..., Any]) -> Told:
    records = ask("GET", "usage/held")["data"]
    expired = ask("GET", "usage/rejected", reason=Reason.HOLD_EXPIRED.value)["data"]
    return in_order([held_told(record) for record in (*records, *expired)])
