"""THE table of resources: each row has all properties of a kind, except its rules (`rules.py`)."""

from typing import get_args

from events.facts.base import Fact
from events.resources.automation import AutomaticTopUp, ThresholdBilling
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import BillConfig, CreditReason, Currency, DebitReason, TransactionType
from events.resources.statements import StatementConfig
from events.resources.webhooks import Webhook
from services.commands import filters as f
from services.commands.account_kinds import ACCOUNT_KINDS
from services.commands.catalog_kinds import CATALOG_KINDS
from services.commands.kind import TOLD_OF, BillingEntity, Kind

_RULES, _WEBHOOKS = "notifications/configurations", "integrationdestinations/webhooks"
_PICKED = (f.IDS, f.CODES, f.ARCHIVED)
_OF_FUND = ("accountId", "commitmentId", "balanceId")

_ROWS = (
    *CATALOG_KINDS,
    *ACCOUNT_KINDS,
    Kind("currency", Currency, _PICKED, at="picklists/currency", in_stories=None),
    Kind("creditReason", CreditReason, _PICKED, at="picklists/creditreasons", in_stories=None),
    Kind("debitReason", DebitReason, _PICKED, at="picklists/debitreasons", in_stories=None),
    Kind("transactionType", TransactionType, _PICKED, at="picklists/transactiontypes", in_stories=None),
    Kind("billConfig", BillConfig, (), unique=(), at="billconfig", group="billing", single=True, in_stories=None),
    Kind("statementConfig", StatementConfig, (), unique=(), at="statementconfig", single=True, in_stories=None),
    Kind(
        "notificationConfiguration", NotificationConfiguration, f.RULES, at=_RULES, leads_to="rules", in_stories=TOLD_OF
    ),
    Kind("automaticTopUp", AutomaticTopUp, f.TOP_UPS, fixed=_OF_FUND, group="billing", leads_to="rules"),
    Kind(
        "thresholdBilling",
        ThresholdBilling,
        f.AUTOMATIC,
        fixed=("accountId", "currency"),
        group="billing",
        leads_to="rules",
    ),
    Kind(
        "webhook",
        Webhook,
        f.WEBHOOKS,
        page_size_max=200,
        at=_WEBHOOKS,
        written_beside=True,
        leads_to="nothing",
        in_stories=None,
    ),
)
KINDS: dict[str, Kind] = {row.name: row for row in _ROWS}


def kind_of(fact: Fact) -> Kind | None:
    """The kind of a fact about a resource; None for the organization's own facts, usage and bills."""
    name = type(fact).__name__
    for ending in ("Created", "Updated", "Deleted"):
        if name.endswith(ending):
            return _BY_MODEL.get(name.removesuffix(ending))
    return OTHER_FACTS.get(name)


_BY_MODEL = {row.model.__name__: row for row in _ROWS}
#: The kind of each fact that changes a resource without being named after its kind.
OTHER_FACTS = {fact_type: row for row in _ROWS for fact_type in row.other_facts}
#: By m3ter's names of resources that can be ended, the kinds.
ENDED: dict[BillingEntity, Kind] = {
    name: row for name in get_args(BillingEntity) for row in _ROWS if row.ended_as == name
}
