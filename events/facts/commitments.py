"""Facts about commitments, balances and their schedules, and charges: as about any resource, and those that change one
without replacing its body. What a schedule gives is derived and never a fact; so each fact that changes a schedule says
from which day on it holds (rules 8.14).
"""

from datetime import date
from typing import ClassVar, Literal, TypeVar

from pydantic import Field

from events.decimals import Number, Positive
from events.facts.base import FactModel
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceFact, ResourceUpdated
from events.resources.balances import (
    Balance,
    BalanceChargeSchedule,
    BalanceSchedule,
    BalanceTransaction,
    BalanceTransactionSchedule,
)
from events.resources.catalog import Frequency
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment

CancelPolicy = Literal["TRUE_UP", "PRORATE", "WAIVE", "ACCELERATE", "KEEP"]


class BillingGrid(FactModel):
    """The billing periods that a commitment was made with: a frequency times an interval, anchored at the epoch in both
    directions.
    """

    frequency: Frequency
    interval: int = Field(ge=1)
    epoch: date


class CommitmentCreated(ResourceCreated[Commitment]):
    """`grid`: the billing periods that a MINIMUM counts its commitment periods in, fixed when it is made.

    Without one, the account plans of today give them: before version 2, and where a whole term is one period anyway.
    """

    schema_version: ClassVar[int] = 2

    grid: BillingGrid | None = None


class CommitmentUpdated(ResourceUpdated[Commitment]):
    """`grid` as in `CommitmentCreated`: the same as before, or fixed anew by this amendment."""

    schema_version: ClassVar[int] = 2

    grid: BillingGrid | None = None


class CommitmentDeleted(ResourceDeleted):
    pass


class BalanceCreated(ResourceCreated[Balance]):
    pass


class BalanceUpdated(ResourceUpdated[Balance]):
    pass


class BalanceDeleted(ResourceDeleted):
    pass


class CommitmentToppedUp(ResourceFact):
    """The amount was raised from `date` on; `recurring` (minimums only) raises every later period too.

    `ruleId` and `ruleCode`: an automatic rule did it (rules 12).
    """

    amount: Positive
    date: date
    recurring: bool = False
    rule_id: str | None = None
    rule_code: str | None = None


class CommitmentCancelled(ResourceFact):
    """The commitment ends at `date`; the policy says what is still owed."""

    date: date
    policy: CancelPolicy


class BalanceTransacted(ResourceFact):
    """Credit was put on or taken off the balance, usable from `date` (a day of the account's zone) on.

    `ruleId` and `ruleCode`: an automatic rule did it (rules 12).
    """

    transaction_id: str
    amount: Number
    date: date
    details: BalanceTransaction
    rule_id: str | None = None
    rule_code: str | None = None


S = TypeVar("S", bound=BalanceSchedule)


class BalanceScheduleUpdated(ResourceUpdated[S]):
    """The new terms hold for what is due on `effective` or later; what is due before keeps those it had."""

    effective: date


class BalanceScheduleDeleted(ResourceDeleted):
    """Nothing is due any more on `effective` or later; with `force`, it is as if it had never been."""

    balance_id: str
    effective: date


class BalanceTransactionScheduleCreated(ResourceCreated[BalanceTransactionSchedule]):
    pass


class BalanceTransactionScheduleUpdated(BalanceScheduleUpdated[BalanceTransactionSchedule]):
    pass


class BalanceTransactionScheduleDeleted(BalanceScheduleDeleted):
    pass


class BalanceChargeScheduleCreated(ResourceCreated[BalanceChargeSchedule]):
    pass


class BalanceChargeScheduleUpdated(BalanceScheduleUpdated[BalanceChargeSchedule]):
    pass


class BalanceChargeScheduleDeleted(BalanceScheduleDeleted):
    pass


class AccountChargeCreated(ResourceCreated[AccountCharge]):
    pass


class AccountChargeUpdated(ResourceUpdated[AccountCharge]):
    pass


class AccountChargeDeleted(ResourceDeleted):
    pass
