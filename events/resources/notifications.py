"""Rules of what an organization is to be told of.

A rule is known by the name of what it waits for. What the names mean, and when each is armed anew, stands in
docs/alerts.md.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.base import Code, Description, Id, Name, Resource
from events.resources.bounds import Text, between, characters, is_from_client

#: What the threshold of a rule is: a percentage, money in the currency of what it is about, or so many days or records.
Threshold = Literal["percent", "amount", "days", "records"]

USED, LEFT, EXHAUSTED, RUNS_OUT = "alert.funds.used", "alert.funds.left", "alert.funds.exhausted", "alert.funds.runsout"
ENDS, REACHED, AT_RISK = "alert.term.ends", "alert.minimum.reached", "alert.minimum.atrisk"
TOPPED_UP, CANCELLED, AMENDED = "alert.funds.toppedup", "alert.commitment.cancelled", "alert.terms.amended"
BILL_PENDING, BILL_ISSUED, BILL_VOIDED = "alert.bill.pending", "alert.bill.issued", "alert.bill.voided"
BILL_TRUE_UP, USAGE_REFUSED = "alert.bill.trueup", "alert.usage.refused"
#: The rules that wait until something is so high, by name, with what their threshold is; None: they have none.
LEVELS: dict[str, Threshold | None] = {
    USED: "percent",
    LEFT: "amount",
    EXHAUSTED: None,
    RUNS_OUT: None,
    ENDS: "days",
    REACHED: "percent",
    AT_RISK: "days",
}
#: All rules that need no formula: those, and the ones that wait for something that happens.
READY = (*LEVELS, TOPPED_UP, CANCELLED, AMENDED, BILL_PENDING, BILL_ISSUED, BILL_VOIDED, BILL_TRUE_UP, USAGE_REFUSED)
#: What has a threshold.
_THRESHOLDS: dict[str, Threshold | None] = {**LEVELS, USAGE_REFUSED: "records"}
DAYS_MAX, RECORDS_MAX = 3660, 100_000
#: Longest window in which something is counted: a day.
WINDOW_MAX = 24 * 60
#: Characters of a condition.
CALCULATION_MAX = 2_000


class NotificationConfiguration(Resource):
    """A rule: `eventName` says what it waits for, `accountId` of which account alone.

    That is a name of its own, with `threshold` how much of it (in `windowMinutes`), or an event's; then `calculation`
    says of which events of this name, unless with `alwaysFireEvent` each counts. A rule that is not `active` (it is,
    unless said) finds nothing.
    """

    references: ClassVar[dict[str, str]] = {"accountId": "account"}

    name: Name
    code: Code
    description: Description
    event_name: Text
    active: bool | None = None
    always_fire_event: bool | None = None
    calculation: Annotated[str, characters(CALCULATION_MAX)] | None = None
    threshold: NonNegative | None = None
    account_id: Id | None = None
    window_minutes: Annotated[int, between(1, WINDOW_MAX)] | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is looked at."""
        return self.active is not False

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info):
            self._check_threshold(_THRESHOLDS.get(self.event_name))
            if self.calculation and self.event_name in READY:
                raise ValueError(f"calculation: must not be given with {self.event_name}, which needs none")
            if (self.window_minutes is None) == (self.event_name == USAGE_REFUSED):
                raise ValueError(f"windowMinutes: must be given with {USAGE_REFUSED}, and with nothing else")
            if self.event_name == USAGE_REFUSED and self.account_id is not None:
                raise ValueError("accountId: must not be given where usage is counted of the whole organization")
        return self

    def _check_threshold(self, kind: Threshold | None) -> None:
        if (self.threshold is None) != (kind is None):
            raise ValueError(f"threshold: must {'be' if kind else 'not be'} given with {self.event_name}")
        if kind == "records" and not (self.threshold % 1 == 0 and 1 <= self.threshold <= RECORDS_MAX):  # type: ignore[operator]
            raise ValueError(f"threshold: must be a whole number of records up to {RECORDS_MAX} with {self.event_name}")
        if kind == "days" and (self.threshold % 1 or self.threshold > DAYS_MAX):  # type: ignore[operator]
            raise ValueError(f"threshold: must be a whole number of days up to {DAYS_MAX} with {self.event_name}")
