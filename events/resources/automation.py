"""Automatic rules of an account: a commitment or balance that tops itself up, and a bill as soon as so much is unbilled
(rules 12).

Each waits for a height, as rules of what is to be told do (`events/resources/notifications.py`), and what it does is
a fact with this name among events.
"""

from typing import Annotated, ClassVar, Self

from pydantic import ValidationInfo, model_validator

from events.decimals import Positive
from events.resources.base import Code, Description, Id, Name, Resource, check_one_of
from events.resources.bounds import CurrencyCode, Text, between, is_from_client
from events.resources.notifications import READY

#: What an automatic rule waits for, and what its acts are called.
TOP_UP, BILL = "automatic.topup", "automatic.bill"
ACTS = (TOP_UP, BILL)
#: The names of all that rules tell or do.
TOLD = (*READY, *ACTS)
#: Most top-ups of one rule in a month.
TIMES_MAX = 1000


class AutomaticRule(Resource):
    """What both have: whose it is, in which currency, and how high something must stand. One that is not `active` (it
    is, unless said) does nothing."""

    name: Name
    code: Code
    account_id: Id
    currency: CurrencyCode
    threshold: Positive
    active: bool | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is looked at."""
        return self.active is not False


class AutomaticTopUp(AutomaticRule):
    """As soon as less than `threshold` is left of a commitment (a prepayment) or balance, `amount` is paid in, in each
    calendar month `maxTimes` at most, and `maxAmount` in sum: one of the two at least is given.

    What is owed for it is what a top-up of the same kind owes: of a commitment its fees; of a balance nothing, unless
    `chargeDescription` puts a fee for the balance of the same amount on the next bill.
    """

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "commitmentId": "commitment",
        "balanceId": "balance",
    }

    commitment_id: Id | None = None
    balance_id: Id | None = None
    amount: Positive
    max_times: Annotated[int, between(1, TIMES_MAX)] | None = None
    max_amount: Positive | None = None
    transaction_type_id: Text | None = None
    charge_description: Description | None = None

    @property
    def subject_id(self) -> str:
        """The commitment or balance that it tops up."""
        return self.commitment_id or self.balance_id or ""

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info):
            check_one_of(commitmentId=self.commitment_id, balanceId=self.balance_id)
            if self.max_times is None and self.max_amount is None:
                raise ValueError("maxTimes: must be given, or maxAmount: a month has its bounds")
            for name, value in (
                ("transactionTypeId", self.transaction_type_id),
                ("chargeDescription", self.charge_description),
            ):
                if value is not None and self.balance_id is None:
                    raise ValueError(f"{name}: is for a balance; a top-up of a commitment is billed by its fees")
        return self


class ThresholdBilling(AutomaticRule):
    """As soon as more than `threshold` of an account is unbilled in the currency, all that has arrived is billed,
    without waiting for the end of the billing period (rules 8.15)."""

    references: ClassVar[dict[str, str]] = {"accountId": "account"}

    description: Description | None = None
