"""`decide`: what is and what is asked, to the facts that then hold, or to the error that says why not.

`resources` holds at least what the command needs: the configuration, the resource itself, what its body refers to, its
account's account plans, and whoever might share its code. `simulate` calls it with everything, HTTP with a targeted
load.
"""

from collections.abc import Sequence
from typing import Any, assert_never

from events.facts.base import Fact
from events.resources.accounts import Account, AccountPlan
from events.resources.automation import AutomaticTopUp
from events.resources.balances import Balance, BalanceSchedule
from events.resources.base import Resource
from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Pricing
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment
from events.resources.counters import CounterPricing
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import BillConfig
from events.resources.plan_groups import PlanGroupLink
from events.resources.webhooks import Webhook
from projections.entities import CommitmentEntity, Entity, PlanEntity, ScheduleEntity
from projections.resources import Resources
from services.commands import commitment_rules, organization_rules, schedule_rules
from services.commands.account_rules import account_created, check_account, check_account_plan, forget
from services.commands.automation_rules import check_top_up
from services.commands.bill_rules import check_lock_date
from services.commands.catalog_rules import (
    ZONE_OF_PRICES,
    check_aggregation,
    check_compound,
    check_link,
    check_meter,
    check_pricing,
    check_still_named,
    fee_dates,
)
from services.commands.checks import (
    check_fixed,
    check_id_free,
    check_references,
    check_term,
    check_unique,
    check_unreferenced,
    check_version,
    existing,
)
from services.commands.kind import Kind
from services.commands.messages import (
    AdvanceClock,
    CancelCommitment,
    Command,
    ConfigureOrganization,
    CreateResource,
    DeleteResource,
    ForgetAccount,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.notification_rules import check_rule
from services.commands.refused import AlreadyUsed
from services.commands.table import KINDS
from services.commands.webhook_rules import check_webhook


def decide(resources: Resources, command: Command, partitions: int) -> list[Fact]:
    """The facts, in order; `partitions` is how many `billing.events` has. Raises: CommandError."""
    if not isinstance(command, ConfigureOrganization):
        organization_rules.check_exists(resources)
    facts: Sequence[Fact]
    match command:
        case ConfigureOrganization():
            facts = [organization_rules.configure(resources, command)]
        case CreateResource():
            facts = [_create(resources, command, partitions)]
        case UpdateResource():
            facts = [_update(resources, command)]
        case DeleteResource():
            facts = [_delete(resources, command)]
        case TopUpCommitment():
            facts = [commitment_rules.top_up(resources, command)]
        case CancelCommitment():
            facts = [commitment_rules.cancel(resources, command)]
        case TransactBalance():
            facts = [commitment_rules.transact(resources, command)]
        case ForgetAccount():
            facts = [forget(resources, command)]
        case AdvanceClock():
            facts = organization_rules.advance(resources, command)
        case _:
            assert_never(command)
    return list(facts)


def _create(resources: Resources, command: CreateResource, partitions: int) -> Fact:
    kind = KINDS[command.kind]
    check_id_free(resources, command.id)
    _check_body(resources, kind, command.id, command.body, None)
    if isinstance(command.body, Account):
        return account_created(resources, command.id, command.body, partitions)
    more = commitment_rules.grid_of(resources, command.body, None) if isinstance(command.body, Commitment) else {}
    return kind.fact("Created")(id=command.id, version=1, body=command.body, **more)


def _update(resources: Resources, command: UpdateResource) -> Fact:
    kind = KINDS[command.kind]
    entity = existing(resources, kind, command.id)
    check_version(kind.name, entity, command.version)
    check_fixed(kind, entity, command.body)
    _check_body(resources, kind, command.id, command.body, entity)
    more: dict[str, Any] = {}
    if isinstance(entity, PlanEntity):
        more = fee_dates(resources, entity, command)
    elif isinstance(entity, CommitmentEntity):
        assert isinstance(command.body, Commitment)
        more = commitment_rules.grid_of(resources, command.body, entity)
    elif isinstance(entity, ScheduleEntity):
        more = schedule_rules.changed(resources, entity, command)
    return kind.fact("Updated")(id=command.id, version=entity.version + 1, body=command.body, **more)


def _delete(resources: Resources, command: DeleteResource) -> Fact:
    kind = KINDS[command.kind]
    entity = existing(resources, kind, command.id)
    check_unreferenced(resources, kind, command.id)
    if isinstance(entity.body, Aggregation):
        check_still_named(resources, entity, None)
    if command.drawn and not command.force:
        raise AlreadyUsed(kind=kind.name, name=getattr(entity.body, "code", None) or entity.id)
    more = schedule_rules.ended(resources, entity, command) if isinstance(entity, ScheduleEntity) else {}
    return kind.fact("Deleted")(id=command.id, version=entity.version + 1, force=command.force, **more)


def _check_body(resources: Resources, kind: Kind, id: str, body: Resource, current: Entity[Any] | None) -> None:
    """Every rule that a new or changed body must keep. References come first: later rules look them up."""
    check_references(resources, kind, body)
    check_unique(resources, kind, id, body)
    match body:
        case Account():
            check_account(resources, body, current)
        case AccountPlan():
            check_account_plan(resources, id, body)
        case Commitment():
            assert current is None or isinstance(current, CommitmentEntity)
            commitment_rules.check_commitment(resources, body, current)
        case Balance():
            commitment_rules.check_balance(resources, body, current)
        case BalanceSchedule():
            schedule_rules.check_schedule(resources, body)
        case AccountCharge():
            commitment_rules.check_charge(resources, body)
        case BillConfig():
            check_lock_date(body, current)
        case _:
            _check_of_catalog(resources, id, body, current)


def _check_of_catalog(resources: Resources, id: str, body: Resource, current: Entity[Any] | None) -> None:
    match body:
        case Meter():
            check_meter(resources, body, current)
        case Aggregation():
            check_aggregation(resources, body)
            if current is not None:
                check_still_named(resources, current, body)
        case CompoundAggregation():
            check_compound(resources, body)
        case Pricing():
            check_pricing(resources, body)
        case CounterPricing():
            check_term(body.start_date, body.end_date, ZONE_OF_PRICES)
        case PlanGroupLink():
            check_link(resources, id, body)
        case NotificationConfiguration():
            check_rule(body)
        case AutomaticTopUp():
            check_top_up(resources, body)
        case Webhook():
            check_webhook(body)
        case _:
            pass
