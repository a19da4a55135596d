"""THE table of resources: in a row, all that is asked of every kind. Rules of a kind's own are in `*_rules.py`."""

from typing import Any

from events.facts.base import Fact
from events.resources.accounts import Account, AccountPlan, Contract
from events.resources.automation import AutomaticTopUp, ThresholdBilling
from events.resources.balances import Balance, BalanceChargeSchedule, BalanceTransactionSchedule
from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment
from events.resources.counters import Counter, CounterAdjustment, CounterPricing
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import BillConfig, CreditReason, Currency, DebitReason, TransactionType
from events.resources.plan_groups import PlanGroup, PlanGroupLink
from events.resources.statements import StatementConfig
from events.resources.webhooks import Webhook
from projections.entities import AccountEntity, BalanceEntity, CommitmentEntity, PlanEntity, ScheduleEntity
from services.commands import filters as f
from services.commands.kind import TOLD_OF, InnerList, InStories, Kind

_SPENT = ("amountSpent", "amountRolledOver", "amountLapsed", "status")
_PRODUCTS = (("productIds", "product"),)
_RULES, _WEBHOOKS = "notifications/configurations", "integrationdestinations/webhooks"
_BEGINS = InStories(begins_with_file=True)
_PICKED = (f.IDS, f.CODES, f.ARCHIVED)
_SEARCHED = ("id", "ids", "createdBy", "dtCreated", "lastModifiedBy")
_SEARCHED_OF_ACCOUNT = ("purchaseOrderNumber", "parentAccountId", "emailAddress")
_OF_ACCOUNT: dict[str, Any] = {"owner": "accountId", "fixed": ("accountId",)}
_OF_FUND = ("accountId", "commitmentId", "balanceId")
_OF_BALANCE: dict[str, Any] = {
    "group": "billing",
    "owner": "balanceId",
    "within": ("balanceId", "balance"),
    "fixed": ("balanceId",),
    "derived": ("nextRun", "previousRun"),
    "entity": ScheduleEntity,
}

#: Each behind what it refers to, as a story makes them; a plan may be of an account all the same.
_ROWS = (
    Kind("product", Product, (f.IDS, f.CODES), page_size_max=200, in_stories=InStories(made_when_named=True)),
    Kind("meter", Meter, (f.IDS, f.CODES, f.one_of("productId"))),
    Kind(
        "aggregation",
        Aggregation,
        (f.IDS, f.CODES, f.PRODUCTS_OF_METER),
        in_stories=InStories({"rounding": "NONE", "quantityPerUnit": 1, "unit": "1", "aggregation": "SUM"}),
    ),
    Kind(
        "compoundAggregation",
        CompoundAggregation,
        (f.IDS, f.CODES, f.one_of("productId")),
        in_stories=InStories({"rounding": "NONE", "quantityPerUnit": 1, "unit": "1"}),
    ),
    Kind(
        "planTemplate",
        PlanTemplate,
        (f.IDS, f.equals("productId")),
        entity=PlanEntity,
        in_stories=InStories({"standingCharge": 0, "billFrequency": "MONTHLY"}),
        supposable=True,
    ),
    Kind(
        "plan",
        Plan,
        (f.IDS, f.names_one_of("accountId"), f.PRODUCT_OF_PLAN),
        entity=PlanEntity,
        in_stories=InStories(inner=InnerList("pricings", "pricing", "plan")),
        supposable=True,
    ),
    Kind(
        "pricing",
        Pricing,
        (f.IDS, f.ACTIVE, f.equals("aggregationId"), f.equals("compoundAggregationId"), *f.PLAN_OR_TEMPLATE),
        in_stories=_BEGINS,
        supposable=True,
    ),
    Kind("counter", Counter, (f.IDS, f.CODES, f.one_of("productId")), in_stories=InStories({"unit": "1"})),
    Kind("counterPricing", CounterPricing, (f.IDS, f.ACTIVE, *f.PLAN_OR_TEMPLATE), in_stories=_BEGINS),
    Kind(
        "account",
        Account,
        (f.IDS, f.CODES),
        owner="self",
        is_found=True,
        fixed=("parentAccountId",),
        searched=("name", "code", "codes", "currency", *_SEARCHED_OF_ACCOUNT, *_SEARCHED),
        derived=("forgottenAt",),
        told=("forgottenAt",),
        entity=AccountEntity,
        in_stories=InStories(
            {"emailAddress": "{code}@example.com"},
            inner=InnerList("plans", "accountPlan", "account"),
            read_otherwise=("startDate",),
        ),
    ),
    Kind(
        "planGroup",
        PlanGroup,
        (f.IDS, f.one_of("accountId")),
        entity=PlanEntity,
        # What is in it, and who is on it, was judged by them.
        fixed=("currency", "accountId"),
    ),
    Kind(
        "planGroupLink",
        PlanGroupLink,
        (f.IDS, f.equals("planId", "plan"), f.equals("planGroupId", "planGroup")),
        unique=(),
    ),
    Kind(
        "contract",
        Contract,
        (f.IDS, f.CODES, f.of_account()),
        **_OF_ACCOUNT,
        in_stories=InStories(made_when_named=True),
    ),
    Kind(
        "accountPlan",
        AccountPlan,
        (
            f.IDS,
            f.ACTIVE,
            f.INCLUDE_ALL,
            f.of_account("account"),
            f.equals("planId", "plan"),
            f.equals("planGroupId", "planGroup"),
            f.unlinked_or_equals("contractId", "contract"),
            f.PRODUCT_OF_ACCOUNT_PLAN,
        ),
        **_OF_ACCOUNT,
        in_stories=_BEGINS,
        supposable=True,
    ),
    Kind(
        "commitment",
        Commitment,
        (f.IDS, f.ACTIVE, f.of_account(), f.DRAWS_FOR_PRODUCT, f.unlinked_or_equals("contractId"), *f.COMMITMENT_ENDS),
        is_found=True,
        **_OF_ACCOUNT,
        reference_lists=_PRODUCTS,
        searched=("startDate", "endDate", "contractId", "accountId", "productId", "productIds", *_SEARCHED),
        derived=(*_SPENT, "amountRemaining", "amountUnscheduled", "periods", "topUps", "cancellation"),
        told=("amountUnscheduled", "topUps", "cancellation"),
        entity=CommitmentEntity,
        supposable=True,
    ),
    Kind(
        "balance",
        Balance,
        (f.IDS, f.of_account(), *f.CONTRACT_OR_NONE, *f.TERM_ENDS),
        group="billing",
        is_found=True,
        **_OF_ACCOUNT,
        reference_lists=_PRODUCTS,
        derived=(*_SPENT, "amount", "amountRemaining"),
        told=("amount",),
        entity=BalanceEntity,
        supposable=True,
    ),
    Kind(
        "balanceTransactionSchedule",
        BalanceTransactionSchedule,
        (f.IDS,),
        in_stories=InStories(
            {
                "transactionDescription": "{code}",
                "transactionTypeId": "{code}",
                "frequency": "MONTHLY",
                "frequencyInterval": 1,
            }
        ),
        **_OF_BALANCE,
    ),
    Kind(
        "balanceChargeSchedule",
        BalanceChargeSchedule,
        (f.IDS,),
        in_stories=InStories(
            {
                "chargeDescription": "{code}",
                "billFrequency": "MONTHLY",
                "billFrequencyInterval": 1,
                "billInAdvance": False,
            }
        ),
        **_OF_BALANCE,
    ),
    Kind(
        "counterAdjustment",
        CounterAdjustment,
        (
            f.IDS,
            f.of_account(),
            f.equals("counterId"),
            f.by_day("date", "date", "="),
            # It has one day only; the latter names are m3ter's newer ones of the same range.
            *(f.by_day(name, "date", ">=") for name in ("dateStart", "endDateStart")),
            *(f.by_day(name, "date", "<") for name in ("dateEnd", "endDateEnd")),
        ),
        sorts=True,
        unique=(("accountId", "counterId", "date"),),
        group="billing",
        **_OF_ACCOUNT,
        in_stories=None,
    ),
    Kind(
        "charge",
        AccountCharge,
        (
            f.IDS,
            f.of_account(),
            f.by_day("billDate", "billDate", "="),
            # What a schedule gives is derived and no resource: `scheduleId` finds none.
            *map(f.equals, ("entityId", "entityType", "scheduleId")),
        ),
        **_OF_ACCOUNT,
        in_stories=InStories({"entityType": "AD_HOC", "lineItemType": "AD_HOC"}),
    ),
    Kind("currency", Currency, _PICKED, at="picklists/currency", in_stories=None),
    Kind("creditReason", CreditReason, _PICKED, at="picklists/creditreasons", in_stories=None),
    Kind("debitReason", DebitReason, _PICKED, at="picklists/debitreasons", in_stories=None),
    Kind("transactionType", TransactionType, _PICKED, at="picklists/transactiontypes", in_stories=None),
    Kind("billConfig", BillConfig, (), unique=(), at="billconfig", group="billing", single=True, in_stories=None),
    Kind("statementConfig", StatementConfig, (), unique=(), at="statementconfig", single=True, in_stories=None),
    Kind("notificationConfiguration", NotificationConfiguration, f.RULES, at=_RULES, in_stories=TOLD_OF),
    Kind("automaticTopUp", AutomaticTopUp, f.TOP_UPS, fixed=_OF_FUND, group="billing"),
    Kind("thresholdBilling", ThresholdBilling, f.AUTOMATIC, fixed=("accountId", "currency"), group="billing"),
    Kind("webhook", Webhook, f.WEBHOOKS, page_size_max=200, at=_WEBHOOKS, written_beside=True, in_stories=None),
)
KINDS: dict[str, Kind] = {row.name: row for row in _ROWS}


def kind_of(fact: Fact) -> Kind | None:
    """The kind that a fact about a resource is about; None for the organization's own facts, usage and bills."""
    name = type(fact).__name__
    for ending in ("Created", "Updated", "Deleted"):
        if name.endswith(ending):
            return _BY_MODEL.get(name.removesuffix(ending))
    return OTHER_FACTS.get(name)


_BY_MODEL = {row.model.__name__: row for row in _ROWS}
#: Facts that change a resource and are not called after it: what each is about.
OTHER_FACTS = {
    "AccountForgotten": KINDS["account"],
    **dict.fromkeys(("CommitmentToppedUp", "CommitmentCancelled"), KINDS["commitment"]),
    "BalanceTransacted": KINDS["balance"],
}
