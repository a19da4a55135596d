"""Automatic rules of an account: a commitment or balance that tops itself up, and a bill as soon as the unbilled amount
passes a limit (rules 12).

Each rule waits for an amount, as notification rules do (`events/resources/notifications.py`), and its act is a fact
that appears among the events under the rule's name.
"""

from typing import Annotated, ClassVar, Self

from pydantic import ValidationInfo, model_validator

from events.decimals import Positive
from events.resources.base import Code, Description, Id, Name, Resource, check_one_of
from events.resources.bounds import CurrencyCode, Text, between, is_from_client
from events.resources.notifications import READY

#: Names of the conditions that automatic rules wait for, and of their acts.
TOP_UP, BILL = "automatic.topup", "automatic.bill"
ACTS = (TOP_UP, BILL)
#: The names of all findings of notification rules and acts of automatic rules.
TOLD = (*READY, *ACTS)
#: Most top-ups by one rule in a month.
TIMES_MAX = 1000


class AutomaticRule(Resource):
    """Shared by both kinds of rule: the account, the currency and the threshold. A rule that is not `active` (the
    default is active) does nothing.
    """

    name: Name
    code: Code
    account_id: Id
    currency: CurrencyCode
    threshold: Positive
    active: bool | None = None

    @property
    def is_active(self) -> bool:
        """Whether the rule is evaluated."""
        return self.active is not False


class AutomaticTopUp(AutomaticRule):
    """As soon as less than `threshold` is left of a commitment (a prepayment) or balance, `amount` is paid in. A
    calendar month allows at most `maxTimes` top-ups and at most `maxAmount` in sum; at least one of the two is given.

    The customer owes what a manual top-up would cost: for a commitment its fees; for a balance nothing, unless
    `chargeDescription` puts a fee of the same amount for the balance on the next bill.
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
        """Id of the commitment or balance that the rule tops up."""
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
    """As soon as more than `threshold` of an account is unbilled in the currency, all usage that has arrived is billed,
    before the billing period ends (rules 8.15).
    """

    references: ClassVar[dict[str, str]] = {"accountId": "account"}

    description: Description | None = None
