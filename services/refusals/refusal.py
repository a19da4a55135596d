"""Why a usage record is refused: a reason that programs count by, and a rule in words for whoever mends it."""

from enum import StrEnum


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


class Refused(Exception):
    """The record cannot become usage. It goes to `usage.rejected` with this reason and rule; the partition goes on."""

    def __init__(self, reason: Reason, rule: str) -> None:
        super().__init__(f"{reason}: {rule}")
        self.reason = reason
        self.rule = rule
