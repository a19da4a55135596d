"""Facts about commitments and balances: as about any resource, and those that change one without replacing its body."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from events.decimals import Number, Positive
from events.facts.base import FactModel
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceFact, ResourceUpdated
from events.resources.catalog import Frequency
from events.resources.commitments import Commitment
from events.resources.credits import Balance, BalanceTransaction

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
    """The amount was raised from `date` on; `recurring` (minimums only) raises every later period too."""

    amount: Positive
    date: date
    recurring: bool = False


class CommitmentCancelled(ResourceFact):
    """The commitment ends at `date`; the policy says what is still owed."""

    date: date
    policy: CancelPolicy


class BalanceTransacted(ResourceFact):
    """Credit was put on or taken off the balance, usable from `date` (a day of the account's zone) on."""

    transaction_id: str
    amount: Number
    date: date
    details: BalanceTransaction
