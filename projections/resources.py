"""The resources of an organization as the log tells them: what exists, with which body, created in which order.

One fold for all: the ingest worker, the projector, the bill run, `simulate` and the auditor evolve the same state. It
holds no money and no usage. A deleted commitment is gone, as if it had never been.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic.alias_generators import to_snake

from events.envelope import Envelope
from events.facts.billing_grid import BillingGrid
from events.facts.clock import ClockTicked
from events.facts.commitments import BalanceTransacted, CommitmentCancelled, CommitmentToppedUp
from events.facts.resources import (
    AccountCreated,
    CommitmentCreated,
    CommitmentUpdated,
    FeesChanged,
    OrganizationConfigured,
    ResourceCreated,
    ResourceDeleted,
    ResourceFact,
    ResourceUpdated,
)
from events.resources.accounts import Account, AccountPlan, Contract
from events.resources.base import Resource
from events.resources.bill_config import BillConfig
from events.resources.catalog import Aggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.commitments import Commitment
from events.resources.counters import Counter, CounterAdjustment, CounterPricing
from events.resources.credits import Balance
from events.resources.organization import OrganizationConfig
from events.resources.picklists import CreditReason, Currency, DebitReason, TransactionType

R = TypeVar("R", bound=Resource)
E = TypeVar("E", bound="Entity[Any]")
F = TypeVar("F", Plan, PlanTemplate)


@dataclass(frozen=True, slots=True)
class Entity(Generic[R]):
    """A resource with its history in short.

    `position` is the event-store position of its creation: "created first" means the lower one. `folded` is the
    position of its last fact; reads compare it with the command side to see whether a projection has caught up.
    """

    id: str
    version: int
    body: R
    position: int
    folded: int
    created: datetime
    modified: datetime
    #: Who created it, and who changed it last; None where the fact has no actor.
    created_by: str | None = field(default=None, kw_only=True)
    modified_by: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class AccountEntity(Entity[Account]):
    """An account with what was decided for life at its creation. `root_id` is its own id when it has no parent."""

    root_id: str
    partition: int
    timezone: str


class Dated(NamedTuple):
    """What a plan's or template's body gave from a day on; None: nothing."""

    start: date
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class PlanEntity(Entity[F]):
    """A plan or template with every standing charge and minimum spend it had, in the order in which they were given.

    The first holds from the beginning of time. Of several that hold on a day the last given one counts (rules 8.8).
    """

    standing_charges: tuple[Dated, ...]
    minimum_spends: tuple[Dated, ...]

    def with_fees(self, fact: FeesChanged[F]) -> "PlanEntity[F]":
        """The same with the amounts of an update; a change without a day is a correction of all that was."""
        old, new = self.body, fact.body
        standing = (old.standing_charge, new.standing_charge, fact.standing_charge_from)
        minimum = (old.minimum_spend, new.minimum_spend, fact.minimum_spend_from)
        return replace(
            self,
            body=new,
            standing_charges=_changed(self.standing_charges, *standing),
            minimum_spends=_changed(self.minimum_spends, *minimum),
        )


def _changed(
    held: tuple[Dated, ...], old: Decimal | None, new: Decimal | None, start: date | None
) -> tuple[Dated, ...]:
    if start is not None:
        return (*held, Dated(start, new))
    return held if old == new else (Dated(date.min, new),)


@dataclass(frozen=True, slots=True)
class CommitmentEntity(Entity[Commitment]):
    """A commitment with its top-ups (oldest first) and, once cancelled, its cancellation.

    `grid`: the billing periods that a MINIMUM's commitment periods are counted in, as its last fact fixed them.
    """

    top_ups: tuple[CommitmentToppedUp, ...] = ()
    cancellation: CommitmentCancelled | None = None
    grid: BillingGrid | None = None


@dataclass(frozen=True, slots=True)
class BalanceEntity(Entity[Balance]):
    """A balance with its transactions, oldest first."""

    transactions: tuple[BalanceTransacted, ...] = ()


@dataclass(slots=True)
class Resources:
    """Everything of one organization, by id. `clock` is its latest tick of a test clock, if it has one."""

    organization: str
    config: Entity[OrganizationConfig] | None = None
    clock: datetime | None = None
    products: dict[str, Entity[Product]] = field(default_factory=dict)
    meters: dict[str, Entity[Meter]] = field(default_factory=dict)
    aggregations: dict[str, Entity[Aggregation]] = field(default_factory=dict)
    plan_templates: dict[str, PlanEntity[PlanTemplate]] = field(default_factory=dict)
    plans: dict[str, PlanEntity[Plan]] = field(default_factory=dict)
    pricings: dict[str, Entity[Pricing]] = field(default_factory=dict)
    counters: dict[str, Entity[Counter]] = field(default_factory=dict)
    counter_pricings: dict[str, Entity[CounterPricing]] = field(default_factory=dict)
    accounts: dict[str, AccountEntity] = field(default_factory=dict)
    account_plans: dict[str, Entity[AccountPlan]] = field(default_factory=dict)
    contracts: dict[str, Entity[Contract]] = field(default_factory=dict)
    commitments: dict[str, CommitmentEntity] = field(default_factory=dict)
    balances: dict[str, BalanceEntity] = field(default_factory=dict)
    counter_adjustments: dict[str, Entity[CounterAdjustment]] = field(default_factory=dict)
    currencies: dict[str, Entity[Currency]] = field(default_factory=dict)
    credit_reasons: dict[str, Entity[CreditReason]] = field(default_factory=dict)
    debit_reasons: dict[str, Entity[DebitReason]] = field(default_factory=dict)
    transaction_types: dict[str, Entity[TransactionType]] = field(default_factory=dict)
    bill_configs: dict[str, Entity[BillConfig]] = field(default_factory=dict)

    @property
    def grace_period(self) -> timedelta:
        """How long bills stay pending before they approve themselves; none: they are issued at once (rules 8.11)."""
        return timedelta(0) if self.config is None else self.config.body.grace_period

    def evolve(self, envelope: Envelope) -> None:
        """Apply one fact of this organization; facts about other subjects (usage, bills) leave it unchanged."""
        match envelope.data:
            case OrganizationConfigured():
                self.config = self._configured(envelope, envelope.data)
            case ClockTicked(now=now) if envelope.organization:
                self.clock = max(self.clock or now, now)
            case CommitmentToppedUp() as fact:
                held = self.commitments[fact.id]
                self.commitments[fact.id] = replace(_touched(held, envelope), top_ups=(*held.top_ups, fact))
            case CommitmentCancelled() as fact:
                self.commitments[fact.id] = replace(_touched(self.commitments[fact.id], envelope), cancellation=fact)
            case BalanceTransacted() as fact:
                wallet = self.balances[fact.id]
                self.balances[fact.id] = replace(_touched(wallet, envelope), transactions=(*wallet.transactions, fact))
            case ResourceCreated() as fact:
                self._of(fact)[fact.id] = _by(_created(envelope, fact), envelope)
            case FeesChanged() as fact:
                plans = self._of(fact)
                plans[fact.id] = _touched(plans[fact.id], envelope).with_fees(fact)
            case CommitmentUpdated() as fact:
                held = _touched(self.commitments[fact.id], envelope)
                self.commitments[fact.id] = replace(held, body=fact.body, grid=fact.grid)
            case ResourceUpdated() as fact:
                held_by_id = self._of(fact)
                held_by_id[fact.id] = replace(_touched(held_by_id[fact.id], envelope), body=fact.body)
            case ResourceDeleted() as fact:
                self._of(fact).pop(fact.id, None)
            case _:
                pass

    def _configured(self, envelope: Envelope, fact: OrganizationConfigured) -> Entity[OrganizationConfig]:
        if self.config is None:
            return _by(Entity(fact.id, fact.version, fact.body, *_at(envelope)), envelope)
        return replace(_touched(self.config, envelope), body=fact.body)

    def _of(self, fact: ResourceFact) -> dict[str, Any]:
        held: dict[str, Any] = getattr(self, _attribute(type(fact)))
        return held


#: Names whose plural is not made by an s.
_PLURALS = {"Currency": "currencies"}


@cache
def _attribute(fact: type[ResourceFact]) -> str:
    """Where `Resources` holds what such a fact is about: under the plural of its name."""
    subject = fact.__name__.removesuffix("Created").removesuffix("Updated").removesuffix("Deleted")
    return _PLURALS.get(subject) or f"{to_snake(subject)}s"


def _at(envelope: Envelope) -> tuple[int, int, datetime, datetime]:
    return envelope.sequence, envelope.sequence, envelope.time, envelope.time


def _by(entity: E, envelope: Envelope) -> E:
    """The entity as created by whoever did the fact."""
    return replace(entity, created_by=envelope.actor, modified_by=envelope.actor)


def _touched(entity: Any, envelope: Envelope) -> Any:
    """The entity with version, position, time and actor of the fact that is being applied to it."""
    fact = envelope.data
    assert isinstance(fact, ResourceFact)
    stamps = {"folded": envelope.sequence, "modified": envelope.time, "modified_by": envelope.actor}
    return replace(entity, version=fact.version, **stamps)


def _created(envelope: Envelope, fact: ResourceCreated[Any]) -> Entity[Any]:
    arguments = (fact.id, fact.version, fact.body, *_at(envelope))
    match fact.body:
        case Account():
            assert isinstance(fact, AccountCreated)
            return AccountEntity(*arguments, fact.root_id, fact.partition, fact.timezone)
        case Plan() | PlanTemplate() as body:
            first = ((Dated(date.min, body.standing_charge),), (Dated(date.min, body.minimum_spend),))
            return PlanEntity(*arguments, *first)
        case Commitment():
            assert isinstance(fact, CommitmentCreated)
            return CommitmentEntity(*arguments, grid=fact.grid)
        case Balance():
            return BalanceEntity(*arguments)
        case _:
            return Entity(*arguments)
