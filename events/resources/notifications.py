"""Rules of what an organization is to be told of.

A rule is known by the name of what it waits for. What the names mean, and when each is armed anew, stands in
docs/alerts.md.
"""

from typing import ClassVar, Literal, Self

from pydantic import ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.base import Code, Description, Id, Name, Resource
from events.resources.bounds import Text, is_from_client

#: What the threshold of a rule is: a percentage, money in the currency of what it is about, or a number of days.
Threshold = Literal["percent", "amount", "days"]

USED, LEFT, EXHAUSTED, RUNS_OUT = "alert.funds.used", "alert.funds.left", "alert.funds.exhausted", "alert.funds.runsout"
ENDS, REACHED, AT_RISK = "alert.term.ends", "alert.minimum.reached", "alert.minimum.atrisk"
#: The rules that need no formula, by name, with what their threshold is; None: they have none.
READY: dict[str, Threshold | None] = {
    USED: "percent",
    LEFT: "amount",
    EXHAUSTED: None,
    RUNS_OUT: None,
    ENDS: "days",
    REACHED: "percent",
    AT_RISK: "days",
}
DAYS_MAX = 3660


class NotificationConfiguration(Resource):
    """A rule: `eventName` says what it waits for, `threshold` how much of it, `accountId` of which account alone.

    One that is not `active` (it is, unless said) finds nothing.
    """

    references: ClassVar[dict[str, str]] = {"accountId": "account"}

    name: Name
    code: Code
    description: Description
    event_name: Text
    active: bool | None = None
    always_fire_event: bool | None = None
    threshold: NonNegative | None = None
    account_id: Id | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is looked at."""
        return self.active is not False

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info):
            if self.event_name not in READY:
                raise ValueError(f"eventName: must be one of {', '.join(READY)}")
            self._check_threshold(READY[self.event_name])
        return self

    def _check_threshold(self, kind: Threshold | None) -> None:
        if (self.threshold is None) != (kind is None):
            raise ValueError(f"threshold: must {'be' if kind else 'not be'} given with {self.event_name}")
        if kind == "days" and (self.threshold % 1 or self.threshold > DAYS_MAX):  # type: ignore[operator]
            raise ValueError(f"threshold: must be a whole number of days up to {DAYS_MAX} with {self.event_name}")
