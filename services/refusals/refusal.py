"""The reason for refusing a usage record: a name that programs count by, and a rule in words for whoever fixes the
cause.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from events.dates import in_ms


class Reason(StrEnum):
    """Stable names, kept in the header `trueup-reason` of every refused record."""

    NOT_JSON = "not-json"
    NOT_A_CLOUD_EVENT = "not-a-cloud-event"
    WRONG_EVENT_TYPE = "wrong-event-type"
    OVERSIZED = "oversized"
    TOO_LONG = "too-long"
    BAD_TEXT = "bad-text"
    BAD_TIME = "bad-time"
    TOO_FAR_IN_FUTURE = "too-far-in-future"
    BAD_NUMBER = "bad-number"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_FIELD = "unknown-field"
    REPEATED_NAME = "repeated-name"
    UNKNOWN_ORGANIZATION = "unknown-organization"
    UNKNOWN_ACCOUNT = "unknown-account"
    UNKNOWN_METER = "unknown-meter"
    ID_CONFLICT = "id-conflict"
    HOLD_EXPIRED = "hold-expired"
    NOT_SEALED = "not-sealed"


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a refused record is held; `clock` is its organization's test clock, None if the real one counts."""

    duration: timedelta
    clock: datetime | None

    def until(self, arrival: int) -> int:
        """The end of the hold for this arrival, all in ms."""
        since = arrival if self.clock is None else in_ms(self.clock)
        return since + self.duration // timedelta(milliseconds=1)


class Refused(Exception):
    """The record cannot become usage. It goes to `usage.rejected` with this reason and rule; the partition goes on.

    `hold`: the record waits, because it becomes usage as soon as the missing resource exists.
    """

    def __init__(self, reason: Reason, rule: str, hold: Hold | None = None) -> None:
        super().__init__(f"{reason}: {rule}")
        self.reason = reason
        self.rule = rule
        self.hold = hold
