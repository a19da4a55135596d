"""The rules of each kind, beyond the checks of its body and those of the table: the checks of a body, the members of
the kind's facts beside the body, and the resources that they need.

They stand outside the table, because some of them read it: the existing events follow from all kinds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.resources.accounts import Account, AccountPlan
from events.resources.automation import AutomaticTopUp
from events.resources.balances import Balance, BalanceChargeSchedule, BalanceTransactionSchedule
from events.resources.base import Resource
from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Plan, PlanTemplate, Pricing
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment
from events.resources.counters import CounterPricing
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import BillConfig
from events.resources.plan_groups import PlanGroup, PlanGroupLink
from events.resources.webhooks import Webhook
from projections.resources import Resources
from services.commands import account_rules, catalog_rules, commitment_rules, schedule_rules
from services.commands.automation_rules import check_top_up
from services.commands.bill_rules import check_lock_date
from services.commands.catalog_rules import ZONE_OF_PRICES
from services.commands.checks import check_term
from services.commands.messages import DeleteResource, UpdateResource
from services.commands.needs import AccountPlans, ItsBalance, Named, Naming, Need, OnPlanGroup, Referring, Siblings
from services.commands.notification_rules import check_rule
from services.commands.schedule_rules import SCHEDULES
from services.commands.webhook_rules import check_webhook

#: Members of a fact, beside id, version and body.
Members = Mapping[str, Any]


class Asked(NamedTuple):
    """A body to check, with its id and the present resource; None: it does not exist yet."""

    id: str
    body: Any
    current: Any


@dataclass(frozen=True, slots=True)
class KindRules:
    """The rules of one kind. Each raises CommandError; the body's references are loaded before it runs."""

    check: Callable[[Resources, Asked], None] = lambda resources, asked: None
    #: The members of the first fact beside the body; it also receives the number of partitions of `billing.events`.
    created: Callable[[Resources, Asked, int], Members] = lambda resources, asked, partitions: {}
    #: The members of an update's fact.
    updated: Callable[[Resources, Any, UpdateResource], Members] = lambda resources, current, command: {}
    #: The members of a deletion's fact.
    deleted: Callable[[Resources, Any, DeleteResource], Members] = lambda resources, current, command: {}
    needs: tuple[Need, ...] = ()


def rules_of(model: type[Resource]) -> KindRules:
    """The rules of the kind with this body."""
    return RULES.get(model, _NONE)


def _of_aggregation(resources: Resources, asked: Asked) -> None:
    catalog_rules.check_aggregation(resources, asked.body)
    if asked.current is not None:
        catalog_rules.check_still_named(resources, asked.current, asked.body)


def _aggregation_goes(resources: Resources, current: Any, command: DeleteResource) -> Members:
    catalog_rules.check_still_named(resources, current, None)
    return {}


_NONE = KindRules()
_OF_FEES = KindRules(updated=catalog_rules.fee_dates)
_OF_SCHEDULE = KindRules(
    lambda resources, asked: schedule_rules.check_schedule(resources, asked.body),
    updated=schedule_rules.changed,
    deleted=schedule_rules.ended,
    needs=(ItsBalance(),),
)
RULES: dict[type[Resource], KindRules] = {
    Meter: KindRules(
        lambda resources, asked: catalog_rules.check_meter(resources, asked.body, asked.current),
        needs=(Referring(("aggregation",)),),
    ),
    Aggregation: KindRules(_of_aggregation, deleted=_aggregation_goes, needs=(Naming("compoundAggregation"),)),
    CompoundAggregation: KindRules(
        lambda resources, asked: catalog_rules.check_compound(resources, asked.body),
        needs=(Named("aggregation", lambda body: catalog_rules.codes_in(body.calculation)),),
    ),
    PlanTemplate: _OF_FEES,
    Plan: _OF_FEES,
    PlanGroup: _OF_FEES,
    Pricing: KindRules(lambda resources, asked: catalog_rules.check_pricing(resources, asked.body)),
    CounterPricing: KindRules(lambda _, asked: check_term(asked.body.start_date, asked.body.end_date, ZONE_OF_PRICES)),
    PlanGroupLink: KindRules(
        lambda resources, asked: catalog_rules.check_link(resources, asked.id, asked.body), needs=(OnPlanGroup(),)
    ),
    Account: KindRules(
        lambda resources, asked: account_rules.check_account(resources, asked.body, asked.current),
        created=lambda resources, asked, partitions: account_rules.for_life(
            resources, asked.id, asked.body, partitions
        ),
        needs=(Siblings(),),
    ),
    AccountPlan: KindRules(
        lambda resources, asked: account_rules.check_account_plan(resources, asked.id, asked.body),
        needs=(AccountPlans(),),
    ),
    Commitment: KindRules(
        lambda resources, asked: commitment_rules.check_commitment(resources, asked.body, asked.current),
        created=lambda resources, asked, _: commitment_rules.grid_of(resources, asked.body, None),
        updated=commitment_rules.regrid,
        needs=(AccountPlans(of_parent=True, of=lambda body: body.kind == "MINIMUM"),),
    ),
    Balance: KindRules(
        lambda resources, asked: commitment_rules.check_balance(resources, asked.body, asked.current),
        needs=(Referring(SCHEDULES),),
    ),
    BalanceTransactionSchedule: _OF_SCHEDULE,
    BalanceChargeSchedule: _OF_SCHEDULE,
    AccountCharge: KindRules(lambda resources, asked: commitment_rules.check_charge(resources, asked.body)),
    BillConfig: KindRules(lambda _, asked: check_lock_date(asked.body, asked.current)),
    NotificationConfiguration: KindRules(lambda _, asked: check_rule(asked.body)),
    AutomaticTopUp: KindRules(lambda resources, asked: check_top_up(resources, asked.body)),
    Webhook: KindRules(lambda _, asked: check_webhook(asked.body)),
}
