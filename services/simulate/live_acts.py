"""What automatic rules did in a live organization, in a scenario's words."""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from events.decimals import normal

#: By when rules have done what they found: a second or two, unless the system is busy.
ACTS_SECONDS = 60.0
_LOOK_SECONDS = 0.3


def awaited(ask: Callable[[], Sequence[Mapping[str, Any]]], count: int) -> tuple[Mapping[str, Any], ...]:
    """The acts that are asked for, oldest first, as soon as there are so many, or ACTS_SECONDS are over."""
    until = time.monotonic() + ACTS_SECONDS
    while len(acts := ask()) < count and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return tuple(act_of(act) for act in reversed(acts))


def act_of(act: Mapping[str, Any]) -> dict[str, Any]:
    """An act as a play in memory tells it."""
    told = {"date": act["day"], **{name: act.get(name) for name in ("outcome", "amount", "found", "reason")}}
    return as_told(told)


def as_told(act: Mapping[str, Any]) -> dict[str, Any]:
    """An act without what it lacks, equal numbers written alike."""
    said = {name: value for name, value in act.items() if value is not None}
    return {name: normal(Decimal(one)) if isinstance(one, Decimal | int) else one for name, one in said.items()}
