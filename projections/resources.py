"""The resources of an organization by the log: which exist, with which bodies, in the order of creation.

There is one fold for all: the ingest worker, the projector, the bill run, `simulate` and the auditor evolve the same
state. It holds no money and no usage. A deleted commitment is removed, as if it had never existed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, get_args, get_origin

from events.envelope import Envelope
from events.facts.clock import ClockTicked
from events.facts.commitments import (
    BalanceScheduleDeleted,
    BalanceScheduleUpdated,
    BalanceTransacted,
    CommitmentCancelled,
    CommitmentToppedUp,
    CommitmentUpdated,
)
from events.facts.resources import (
    AccountForgotten,
    FeesChanged,
    OrganizationConfigured,
    ResourceCreated,
    ResourceDeleted,
    ResourceFact,
    ResourceUpdated,
)
from events.resources.accounts import AccountPlan, Contract
from events.resources.automation import AutomaticTopUp, ThresholdBilling
from events.resources.balances import BalanceChargeSchedule, BalanceSchedule, BalanceTransactionSchedule
from events.resources.base import Resource
from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.charges import AccountCharge
from events.resources.counters import Counter, CounterAdjustment, CounterPricing
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import (
    BillConfig,
    CreditReason,
    Currency,
    DebitReason,
    OrganizationConfig,
    TransactionType,
)
from events.resources.plan_groups import PlanGroup, PlanGroupLink
from events.resources.statements import StatementConfig
from events.resources.webhooks import Webhook
from projections.calendar import later
from projections.entities import (
    AccountEntity,
    BalanceEntity,
    CommitmentEntity,
    Entity,
    PlanEntity,
    ScheduleEntity,
    created,
    touched,
)

#: Marks resources of one family of accounts; all others belong to the whole organization.
_OF_FAMILY = {"of_family": True}


@dataclass(slots=True)
class Resources:
    """All resources of one organization, by id. `clock` is its latest tick of a test clock, if it has one.

    Each kind of resource is an attribute here: its type gives the body and the kind of history.
    """

    organization: str
    config: Entity[OrganizationConfig] | None = None
    clock: datetime | None = None
    products: dict[str, Entity[Product]] = field(default_factory=dict)
    meters: dict[str, Entity[Meter]] = field(default_factory=dict)
    aggregations: dict[str, Entity[Aggregation]] = field(default_factory=dict)
    compound_aggregations: dict[str, Entity[CompoundAggregation]] = field(default_factory=dict)
    plan_templates: dict[str, PlanEntity[PlanTemplate]] = field(default_factory=dict)
    plans: dict[str, PlanEntity[Plan]] = field(default_factory=dict)
    pricings: dict[str, Entity[Pricing]] = field(default_factory=dict)
    counters: dict[str, Entity[Counter]] = field(default_factory=dict)
    counter_pricings: dict[str, Entity[CounterPricing]] = field(default_factory=dict)
    accounts: dict[str, AccountEntity] = field(default_factory=dict, metadata=_OF_FAMILY)
    plan_groups: dict[str, PlanEntity[PlanGroup]] = field(default_factory=dict)
    plan_group_links: dict[str, Entity[PlanGroupLink]] = field(default_factory=dict)
    account_plans: dict[str, Entity[AccountPlan]] = field(default_factory=dict, metadata=_OF_FAMILY)
    contracts: dict[str, Entity[Contract]] = field(default_factory=dict, metadata=_OF_FAMILY)
    commitments: dict[str, CommitmentEntity] = field(default_factory=dict, metadata=_OF_FAMILY)
    balances: dict[str, BalanceEntity] = field(default_factory=dict, metadata=_OF_FAMILY)
    balance_transaction_schedules: dict[str, ScheduleEntity[BalanceTransactionSchedule]] = field(
        default_factory=dict, metadata=_OF_FAMILY
    )
    balance_charge_schedules: dict[str, ScheduleEntity[BalanceChargeSchedule]] = field(
        default_factory=dict, metadata=_OF_FAMILY
    )
    counter_adjustments: dict[str, Entity[CounterAdjustment]] = field(default_factory=dict, metadata=_OF_FAMILY)
    charges: dict[str, Entity[AccountCharge]] = field(default_factory=dict, metadata=_OF_FAMILY)
    currencies: dict[str, Entity[Currency]] = field(default_factory=dict)
    credit_reasons: dict[str, Entity[CreditReason]] = field(default_factory=dict)
    debit_reasons: dict[str, Entity[DebitReason]] = field(default_factory=dict)
    transaction_types: dict[str, Entity[TransactionType]] = field(default_factory=dict)
    bill_configs: dict[str, Entity[BillConfig]] = field(default_factory=dict)
    statement_configs: dict[str, Entity[StatementConfig]] = field(default_factory=dict)
    notification_configurations: dict[str, Entity[NotificationConfiguration]] = field(default_factory=dict)
    automatic_top_ups: dict[str, Entity[AutomaticTopUp]] = field(default_factory=dict)
    threshold_billings: dict[str, Entity[ThresholdBilling]] = field(default_factory=dict)
    webhooks: dict[str, Entity[Webhook]] = field(default_factory=dict)

    @property
    def grace_period(self) -> timedelta:
        """How long bills stay pending before they approve themselves; none: they are issued at once (rules 8.11)."""
        return timedelta(0) if self.configured is None else self.configured.grace_period

    @property
    def configured(self) -> OrganizationConfig | None:
        """The organization's configuration; None before its first PUT."""
        return None if self.config is None else self.config.body

    @property
    def keeps_keys(self) -> bool:
        """Whether personal data of each account is encrypted with the account's own key, so that it can be
        forgotten.
        """
        return self.configured is not None and self.configured.keeps_keys

    @property
    def has_test_clock(self) -> bool:
        """Whether its time comes from a test clock, moved by POST .../clock, instead of the real clock (decision
        14).
        """
        return self.configured is not None and bool(self.configured.test_clock)

    def template_of(self, plan_id: str) -> PlanEntity[PlanTemplate] | None:
        """The template of a plan; None if one of the two does not exist."""
        plan = self.plans.get(plan_id)
        return None if plan is None else self.plan_templates.get(plan.body.plan_template_id)

    def evolve(self, envelope: Envelope) -> None:
        """Apply one fact of this organization; facts about other subjects (usage, bills) leave it unchanged."""
        match envelope.data:
            case OrganizationConfigured():
                self.config = self._configured(envelope, envelope.data)
            case ClockTicked(now=now) if envelope.organization:
                self.clock = later(self.clock, now)
            case (AccountForgotten() | CommitmentToppedUp() | CommitmentCancelled() | BalanceTransacted()) as fact:
                self._add(envelope, fact)
            case ResourceCreated() as fact:
                self._of(fact)[fact.id] = created(envelope, fact, ENTITIES[type(fact.body)])
                if isinstance(fact.body, BalanceSchedule):
                    self._note_schedule(envelope, fact.body.balance_id)
            case FeesChanged() as fact:
                plans = self._of(fact)
                plans[fact.id] = touched(plans[fact.id], envelope).with_fees(fact)
            case CommitmentUpdated() as fact:
                self.commitments[fact.id] = touched(self.commitments[fact.id], envelope).amended(fact)
            case (BalanceScheduleUpdated() | BalanceScheduleDeleted()) as fact:
                self._change_schedule(envelope, fact)
            case ResourceUpdated() as fact:
                entities = self._of(fact)
                entities[fact.id] = replace(touched(entities[fact.id], envelope), body=fact.body)
            case ResourceDeleted() as fact:
                self._of(fact).pop(fact.id, None)

    def _add(
        self, envelope: Envelope, fact: AccountForgotten | CommitmentToppedUp | CommitmentCancelled | BalanceTransacted
    ) -> None:
        """A fact that adds to a resource, and leaves its body unchanged."""
        match fact:
            case AccountForgotten():
                account = touched(self.accounts[fact.id], envelope)
                self.accounts[fact.id] = replace(account, forgotten=envelope.time)
            case CommitmentToppedUp():
                commitment = touched(self.commitments[fact.id], envelope)
                self.commitments[fact.id] = replace(commitment, top_ups=(*commitment.top_ups, fact))
            case CommitmentCancelled():
                self.commitments[fact.id] = replace(touched(self.commitments[fact.id], envelope), cancellation=fact)
            case BalanceTransacted():
                balance = touched(self.balances[fact.id], envelope)
                self.balances[fact.id] = replace(balance, transactions=(*balance.transactions, fact))

    def _change_schedule(self, envelope: Envelope, fact: BalanceScheduleUpdated[Any] | BalanceScheduleDeleted) -> None:
        schedules = self._of(fact)
        schedule: ScheduleEntity[Any] = touched(schedules[fact.id], envelope)
        if isinstance(fact, BalanceScheduleUpdated):
            schedules[fact.id] = schedule.with_terms(fact.body, fact.effective)
            self._note_schedule(envelope, fact.body.balance_id)
        else:
            del schedules[fact.id]
            self._note_schedule(envelope, fact.balance_id, schedule.ending(fact.effective, fact.force))

    def _note_schedule(self, envelope: Envelope, balance_id: str, left: ScheduleEntity[Any] | None = None) -> None:
        """Note on the balance that its schedule changed. The balance is missing where a single resource is read
        alone.
        """
        balance = self.balances.get(balance_id)
        if balance is not None:
            self.balances[balance_id] = balance.noting(envelope, left)

    def put(self, entity: Entity[Any]) -> None:
        """Store an entity directly, without the facts that made it."""
        getattr(self, ATTRIBUTES[type(entity.body)])[entity.id] = entity

    def _configured(self, envelope: Envelope, fact: OrganizationConfigured) -> Entity[OrganizationConfig]:
        if self.config is None:
            return created(envelope, fact, Entity)
        return replace(touched(self.config, envelope), body=fact.body)

    def _of(self, fact: ResourceFact) -> dict[str, Any]:
        of_kind: dict[str, Any] = getattr(self, _OF_FACT[type(fact).__name__])
        return of_kind


_FAMILY_KINDS = tuple(kind.name for kind in fields(Resources) if kind.metadata.get("of_family"))


def together(catalog: Resources, own: Resources, clock: datetime | None) -> Resources:
    """One `Resources` over the catalog's and the family's entities; it shares them, so never evolve it."""
    return replace(catalog, clock=clock, **{kind: getattr(own, kind) for kind in _FAMILY_KINDS})


def _kinds() -> Iterator[tuple[type[Resource], str, type[Entity[Any]]]]:
    """For each attribute that holds entities, from its type: their body, its name, their class."""
    for held in fields(Resources):
        if held.default_factory is dict:
            _, entity = get_args(held.type)
            of: Any = get_origin(entity) or entity
            [body] = get_args(of.__orig_bases__[0] if of is entity else entity)
            yield body, held.name, of


#: By a kind's body: the attribute of `Resources` with its entities, and their class.
ATTRIBUTES: dict[type[Resource], str] = {body: name for body, name, _ in _kinds()}
ENTITIES: dict[type[Resource], type[Entity[Any]]] = {body: entity for body, _, entity in _kinds()}
_ENDINGS = ("Created", "Updated", "Deleted")
_OF_FACT = {model.__name__ + ending: attribute for model, attribute in ATTRIBUTES.items() for ending in _ENDINGS}
