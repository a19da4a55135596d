"""The reach of catalog facts: all usage of an organization, some accounts, or no usage at all."""

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
    """The usage whose charges, codes or meters catalog facts may have changed: all usage of these organizations, and of
    these accounts, by id, in other organizations.
    """

    organizations: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.organizations or self.accounts)
