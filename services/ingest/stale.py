"""What facts of the catalog concern: all usage of an organization, some accounts, or no usage at all."""

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
#: Facts of which no quantity and no charge follows: rules, and what they told or did.
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
    """Whose charges, codes or meters facts of the catalog may have changed: all of these organizations, and of the
    others these accounts, by id."""

    organizations: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.organizations or self.accounts)
