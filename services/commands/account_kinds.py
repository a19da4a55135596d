"""Rows of the table: accounts, and the resources of an account: plans, contracts, commitments, balances, charges."""

from typing import Any

from events.resources.accounts import Account, AccountPlan, Contract
from events.resources.balances import Balance, BalanceChargeSchedule, BalanceTransactionSchedule
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment
from events.resources.counters import CounterAdjustment
from events.resources.plan_groups import PlanGroup, PlanGroupLink
from services.commands import filters as f
from services.commands.kind import BEGINS, InnerList, InStories, Kind, WhenNamed

_SPENT = ("amountSpent", "amountRolledOver", "amountLapsed", "status")
_PRODUCTS = (("productIds", "product"),)
_SEARCHED = ("id", "ids", "createdBy", "dtCreated", "lastModifiedBy")
_SEARCHED_OF_ACCOUNT = ("purchaseOrderNumber", "parentAccountId", "emailAddress")
_OF_ACCOUNT: dict[str, Any] = {"owner": "accountId", "fixed": ("accountId",)}
_OF_BALANCE: dict[str, Any] = {
    "group": "billing",
    "owner": "balanceId",
    "within": ("balanceId", "balance"),
    "fixed": ("balanceId",),
    "derived": ("nextRun", "previousRun"),
}

#: Each after the kinds it refers to, in the order in which a story creates them.
ACCOUNT_KINDS = (
    Kind(
        "account",
        Account,
        (f.IDS, f.CODES),
        owner="self",
        is_found=True,
        fixed=("parentAccountId",),
        searched=("name", "code", "codes", "currency", *_SEARCHED_OF_ACCOUNT, *_SEARCHED),
        derived=("forgottenAt",),
        told=(("forgottenAt", "string"),),
        other_facts=("AccountForgotten",),
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
        rates=True,
        # The group's plans and accounts were checked against these fields.
        fixed=("currency", "accountId"),
    ),
    Kind(
        "planGroupLink",
        PlanGroupLink,
        (f.IDS, f.equals("planId", "plan"), f.equals("planGroupId", "planGroup")),
        rates=True,
        unique=(),
    ),
    Kind(
        "contract",
        Contract,
        (f.IDS, f.CODES, f.of_account()),
        **_OF_ACCOUNT,
        in_stories=InStories(made_when_named=WhenNamed(of_parent="account", lasts=True)),
        ended_as="CONTRACT",
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
        in_stories=BEGINS,
        supposable=True,
        spans=True,
        ended_as="ACCOUNTPLAN",
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
        told=(("amountUnscheduled", "double"), ("topUps", "array"), ("cancellation", "map")),
        other_facts=("CommitmentToppedUp", "CommitmentCancelled"),
        supposable=True,
        spans=True,
        ended_as="PREPAYMENT",
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
        told=(("amount", "double"),),
        other_facts=("BalanceTransacted",),
        spans=True,
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
            # The resource has only one day; the latter names are m3ter's newer ones for the same range.
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
            # The top-ups and fees of a schedule are derived and no resources, so `scheduleId` finds none.
            *map(f.equals, ("entityId", "entityType", "scheduleId")),
        ),
        **_OF_ACCOUNT,
        in_stories=InStories({"entityType": "AD_HOC", "lineItemType": "AD_HOC"}),
    ),
)
