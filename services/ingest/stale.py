"""The reach of catalog facts: all usage of an organization, some accounts, or no usage at all."""

from dataclasses import dataclass

from events.facts.alerts import Alert
from events.facts.automation import (
    AutomaticTopUpCreated,
    AutomaticTopUpDeleted,
    AutomaticTopUpUpdated,
    ThresholdBillingCreated,
    ThresholdBillingDeleted,
    ThresholdBillingUpdated,
)
from events.facts.catalog import (
    NotificationConfigurationCreated,
    NotificationConfigurationDeleted,
    NotificationConfigurationUpdated,
    WebhookCreated,
    WebhookDeleted,
    WebhookUpdated,
)
from events.facts.resources import (
    AccountCreated,
    AccountDeleted,
    AccountForgotten,
    AccountPlanCreated,
    AccountPlanDeleted,
    AccountPlanUpdated,
    AccountUpdated,
)

ACCOUNTS = (AccountCreated, AccountUpdated, AccountDeleted, AccountForgotten)
ACCOUNT_PLANS = (AccountPlanCreated, AccountPlanUpdated, AccountPlanDeleted)
#: Facts that change no quantity and no charge: rules, and their findings and acts.
OF_RULES = (
    NotificationConfigurationCreated,
    NotificationConfigurationUpdated,
    NotificationConfigurationDeleted,
    AutomaticTopUpCreated,
    AutomaticTopUpUpdated,
    AutomaticTopUpDeleted,
    ThresholdBillingCreated,
    ThresholdBillingUpdated,
    ThresholdBillingDeleted,
    WebhookCreated,
    WebhookUpdated,
    WebhookDeleted,
    Alert,
)


@dataclass(frozen=True, slots=True)
class Stale:
    """The usage whose charges, codes or meters catalog facts may have changed: all usage of these organizations, and of
    these accounts, by id, in other organizations.
    """

    organizations: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.organizations or self.accounts)
