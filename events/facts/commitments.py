"""Facts about commitments, balances and their schedules, and charges: the facts of every resource, and facts that
change a resource without replacing its body. The top-ups and fees of a schedule are derived and never facts, so each
fact that changes a schedule names the day from which it applies (rules 8.14).
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
    """The billing periods fixed when a commitment was made: a frequency times an interval, anchored at the epoch and
    running in both directions.
    """

    frequency: Frequency
    interval: int = Field(ge=1)
    epoch: date


class CommitmentCreated(ResourceCreated[Commitment]):
    """`grid`: the billing periods in which a MINIMUM counts its commitment periods, fixed when it is made.

    Without a grid, the current account plans give the periods: before version 2, and where the whole term is one
    period.
    """

    schema_version: ClassVar[int] = 2

    grid: BillingGrid | None = None


class CommitmentUpdated(ResourceUpdated[Commitment]):
    """`grid` as in `CommitmentCreated`: unchanged, or fixed again by this amendment."""

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
    """The amount was raised from `date` on; `recurring` (minimums only) raises every later period as well.

    `ruleId` and `ruleCode`: the automatic rule that did it (rules 12).
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
    """A credit was put on the balance or taken off it, usable from `date` on (a day of the account's zone).

    `ruleId` and `ruleCode`: the automatic rule that did it (rules 12).
    """

    transaction_id: str
    amount: Number
    date: date
    details: BalanceTransaction
    rule_id: str | None = None
    rule_code: str | None = None


S = TypeVar("S", bound=BalanceSchedule)


class BalanceScheduleUpdated(ResourceUpdated[S]):
    """The new terms hold for top-ups and fees due on or after `effective`; those due before keep their old terms."""

    effective: date


class BalanceScheduleDeleted(ResourceDeleted):
    """Nothing is due on or after `effective`; with `force`, the schedule counts as if it had never existed."""

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
