"""What facts of the catalog concern: all usage of an organization, some accounts, or no usage at all."""

from dataclasses import dataclass

from events.facts.alerts import Alert
from events.facts.base import Fact
from services.commands.table import KINDS

ACCOUNTS = KINDS["account"].facts
ACCOUNT_PLANS = KINDS["accountPlan"].facts
#: Facts of which no quantity and no charge follows: rules and webhooks, and what rules told.
OF_RULES: tuple[type[Fact], ...] = (
    *(fact for kind in KINDS.values() if kind.leads_to != "terms" for fact in kind.facts),
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
