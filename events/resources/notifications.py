"""Notification rules: the conditions of which an organization wants to be told.

A rule's event name says which condition it waits for. docs/alerts.md explains the names, and when each rule is armed
again.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.base import Code, Description, Id, Name, Resource
from events.resources.bounds import Text, between, characters, is_from_client

#: The unit of a rule's threshold: a percentage, money in the currency of the rule's subject, or a count.
Threshold = Literal["percent", "amount", "days", "records", "seconds"]

USED, LEFT, EXHAUSTED, RUNS_OUT = "alert.funds.used", "alert.funds.left", "alert.funds.exhausted", "alert.funds.runsout"
ENDS, REACHED, AT_RISK = "alert.term.ends", "alert.minimum.reached", "alert.minimum.atrisk"
BILL_TRUE_UP = "alert.bill.trueup"
USAGE_REFUSED, READ_MODELS_BEHIND = "alert.usage.refused", "alert.readmodels.behind"
#: The rules that wait for a value to reach a threshold, by name, with the threshold's unit; None: no threshold.
LEVELS: dict[str, Threshold | None] = {
    USED: "percent",
    LEFT: "amount",
    EXHAUSTED: None,
    RUNS_OUT: None,
    ENDS: "days",
    REACHED: "percent",
    AT_RISK: "days",
}
#: The rules about the whole organization; they fire once per window of time in which a value reached the threshold.
OF_WINDOWS: dict[str, Threshold] = {USAGE_REFUSED: "records", READ_MODELS_BEHIND: "seconds"}
#: The rules that wait for an event, by name, with the types of facts that may be one.
OF_FACTS: dict[str, tuple[str, ...]] = {
    "alert.funds.toppedup": ("CommitmentToppedUp", "BalanceTransacted"),
    "alert.commitment.cancelled": ("CommitmentCancelled",),
    "alert.terms.amended": ("CommitmentUpdated", "BalanceUpdated"),
    "alert.bill.pending": ("BillOpened",),
    "alert.bill.issued": ("BillIssued",),
    "alert.bill.voided": ("BillVoided",),
    BILL_TRUE_UP: ("BillIssued",),
}
#: All rules that need no formula.
READY = (*LEVELS, *OF_FACTS, *OF_WINDOWS)
#: The rules that have a threshold.
_THRESHOLDS: dict[str, Threshold | None] = {**LEVELS, **OF_WINDOWS}
#: Longest window in minutes: a day.
WINDOW_MAX = 24 * 60
DAYS_MAX = 3660
#: Smallest and largest threshold of the rules whose threshold is a whole number.
_WHOLE: dict[Threshold, tuple[int, int]] = {
    "days": (1, DAYS_MAX), "records": (1, 100_000), "seconds": (1, WINDOW_MAX * 60),
}  # fmt: skip
#: Longest condition, in characters.
CALCULATION_MAX = 2_000


class NotificationConfiguration(Resource):
    """A notification rule: `eventName` says what it waits for, and `accountId` limits it to one account.

    Either the name is a built-in condition, with a `threshold` (and `windowMinutes`), or the name of an event; then
    `calculation` selects among the events of this name, and with `alwaysFireEvent` every one of them counts. A rule
    that is not `active` (the default is active) finds nothing.
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
        """Whether the rule is evaluated."""
        return self.active is not False

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info):
            self._check_threshold(_THRESHOLDS.get(self.event_name))
            if self.calculation and self.event_name in READY:
                raise ValueError(f"calculation: must not be given with {self.event_name}, which needs none")
            if (self.window_minutes is None) == (self.event_name in OF_WINDOWS):
                raise ValueError(f"windowMinutes: must be given with {' and '.join(OF_WINDOWS)}, and with nothing else")
            if self.event_name in OF_WINDOWS and self.account_id is not None:
                raise ValueError(f"accountId: must not be given with {self.event_name}, for it is of the organization")
        return self

    def _check_threshold(self, kind: Threshold | None) -> None:
        if (self.threshold is None) != (kind is None):
            raise ValueError(f"threshold: must {'be' if kind else 'not be'} given with {self.event_name}")
        if self.threshold is not None and kind in _WHOLE:
            least, most = _WHOLE[kind]
            if self.threshold % 1 or not least <= self.threshold <= most:
                whole = f"a whole number of {kind} from {least} to {most}"
                raise ValueError(f"threshold: must be {whole} with {self.event_name}")
