"""Facts that change a commitment or a balance without replacing its body."""

from datetime import date
from typing import Literal

from events.decimals import Number, Positive
from events.facts.resources import ResourceFact
from events.resources.credits import BalanceTransaction

CancelPolicy = Literal["TRUE_UP", "PRORATE", "WAIVE", "ACCELERATE", "KEEP"]


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
