"""Automatic rules, and what they did: facts, so that each act is once, and a replay acts never (decision 34)."""

from datetime import date
from typing import ClassVar, Literal

from events.decimals import Number
from events.facts.alerts import Alert
from events.facts.base import Route
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.automation import AutomaticTopUp, ThresholdBilling


class AutomaticTopUpCreated(ResourceCreated[AutomaticTopUp]):
    route: ClassVar[Route] = Route.CATALOG


class AutomaticTopUpUpdated(ResourceUpdated[AutomaticTopUp]):
    route: ClassVar[Route] = Route.CATALOG


class AutomaticTopUpDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class ThresholdBillingCreated(ResourceCreated[ThresholdBilling]):
    route: ClassVar[Route] = Route.CATALOG


class ThresholdBillingUpdated(ResourceUpdated[ThresholdBilling]):
    route: ClassVar[Route] = Route.CATALOG


class ThresholdBillingDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class AutomaticRuleActed(Alert):
    """An automatic rule did what it says, or was refused it, for the first time since `arming`.

    What it did stands beside it in the log, by the same actor: the top-up (`amount`) of the subject, or the bill
    `billId` of this total. `found` is what was left of the subject, or unbilled of the account, on `day`.
    """

    account_id: str
    root_id: str
    outcome: Literal["DONE", "REFUSED"]
    #: Of what was refused: why.
    reason: str | None = None
    day: date
    currency: str
    threshold: Number
    found: Number
    amount: Number | None = None
    bill_id: str | None = None
