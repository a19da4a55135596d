"""Acts of automatic rules. Each act is a fact, so it happens once, and a replay never acts again (decision 34)."""

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
    """An automatic rule acted, or its act was refused, for the first time since `arming`.

    The act itself stands beside this fact in the log, by the same actor: a top-up of the subject by `amount`, or the
    bill `billId` with this total. `found` is what the subject had left, or what the account had unbilled, on `day`.
    """

    account_id: str
    root_id: str
    outcome: Literal["DONE", "REFUSED"]
    #: Why the act was refused.
    reason: str | None = None
    day: date
    currency: str
    threshold: Number
    found: Number
    amount: Number | None = None
    bill_id: str | None = None
