"""A resource as its facts made it: its body and a short history."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from events.envelope import Envelope
from events.facts.commitments import (
    BalanceTransacted,
    BillingGrid,
    CommitmentCancelled,
    CommitmentCreated,
    CommitmentToppedUp,
    CommitmentUpdated,
)
from events.facts.resources import (
    AccountCreated,
    FeesChanged,
    OrganizationConfigured,
    ResourceCreated,
    ResourceFact,
)
from events.resources.accounts import Account
from events.resources.balances import Balance, BalanceSchedule
from events.resources.base import Resource
from events.resources.catalog import Plan, PlanTemplate
from events.resources.commitments import Commitment
from events.resources.plan_groups import PlanGroup

#: A position above all positions of an event store: a supposed resource counts as created last.
SUPPOSED = 2**62
R = TypeVar("R", bound=Resource)
E = TypeVar("E", bound="Entity[Any]")
F = TypeVar("F", Plan, PlanTemplate, PlanGroup)
S = TypeVar("S", bound=BalanceSchedule)


@dataclass(frozen=True, slots=True)
class Entity(Generic[R]):
    """A resource with a short history.

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
    #: The actors who created and last changed it; None if the fact has no actor.
    created_by: str | None = field(default=None, kw_only=True)
    modified_by: str | None = field(default=None, kw_only=True)

    @property
    def called(self) -> str:
        """How people are told of it: by its code, or where it has none by its id."""
        code: str | None = getattr(self.body, "code", None)
        return code or self.id

    @classmethod
    def beginning(cls, fact: Any) -> dict[str, Any]:
        """The attributes, beside the body, that its first fact sets."""
        return {}


@dataclass(frozen=True, slots=True)
class AccountEntity(Entity[Account]):
    """An account with the values that were fixed at its creation. `root_id` is its own id if it has no parent.

    `forgotten`: when its personal data was last forgotten; None: never.
    """

    root_id: str
    partition: int
    timezone: str
    forgotten: datetime | None = field(default=None, kw_only=True)

    @classmethod
    def beginning(cls, fact: AccountCreated) -> dict[str, Any]:
        return {"root_id": fact.root_id, "partition": fact.partition, "timezone": fact.timezone}


class Dated(NamedTuple):
    """An amount of a plan, template or plan group, from a day on; None: no such amount."""

    start: date
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class PlanEntity(Entity[F]):
    """A plan, template or plan group with every standing charge and minimum spend that it had, in the order in which
    they were given.

    The first applies from the beginning of time. If several apply on a day, the last given one counts (rules 8.8).
    """

    standing_charges: tuple[Dated, ...]
    minimum_spends: tuple[Dated, ...]

    @classmethod
    def beginning(cls, fact: ResourceCreated[F]) -> dict[str, Any]:
        standing, minimum = (Dated(date.min, fee) for fee in (fact.body.standing_charge, fact.body.minimum_spend))
        return {"standing_charges": (standing,), "minimum_spends": (minimum,)}

    def with_fees(self, fact: FeesChanged[F]) -> "PlanEntity[F]":
        """The entity after an update; an amount that changes without a day replaces all earlier ones."""
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
    history: tuple[Dated, ...], old: Decimal | None, new: Decimal | None, start: date | None
) -> tuple[Dated, ...]:
    if start is not None:
        return (*history, Dated(start, new))
    return history if old == new else (Dated(date.min, new),)


@dataclass(frozen=True, slots=True)
class CommitmentEntity(Entity[Commitment]):
    """A commitment with its top-ups, its cancellation, the billing grid of a MINIMUM, and the amounts that were agreed
    before amendments; top-ups and amounts oldest first.
    """

    top_ups: tuple[CommitmentToppedUp, ...] = ()
    cancellation: CommitmentCancelled | None = None
    grid: BillingGrid | None = None
    amounts: tuple[Decimal, ...] = ()

    def amended(self, fact: CommitmentUpdated) -> "CommitmentEntity":
        """The commitment after an update."""
        before = self.body.amount
        amounts = self.amounts if fact.body.amount == before else (*self.amounts, before)
        return replace(self, body=fact.body, grid=fact.grid, amounts=amounts)

    @classmethod
    def beginning(cls, fact: CommitmentCreated) -> dict[str, Any]:
        return {"grid": fact.grid}


class ScheduleTerm(NamedTuple):
    """The terms of a schedule from a day on; the first terms apply from the beginning of time."""

    start: date
    body: BalanceSchedule


@dataclass(frozen=True, slots=True)
class ScheduleEntity(Entity[S]):
    """A schedule of a balance with all its terms, by day; each applies until the next (rules 8.14).

    `ended`: nothing is due from this day on, because the schedule was deleted.
    """

    terms: tuple[ScheduleTerm, ...]
    ended: date | None = None

    @classmethod
    def beginning(cls, fact: ResourceCreated[S]) -> dict[str, Any]:
        return {"terms": (ScheduleTerm(date.min, fact.body),)}

    def with_terms(self, body: S, effective: date) -> "ScheduleEntity[S]":
        """The schedule with other terms from a day on, which replace any later terms."""
        earlier = tuple(term for term in self.terms if term.start < effective)
        return replace(self, body=body, terms=(*earlier, ScheduleTerm(effective, body)))

    def ending(self, effective: date, force: bool) -> "ScheduleEntity[S] | None":
        """The schedule after its deletion; None: it counts as if it had never existed."""
        earlier = tuple(term for term in self.terms if term.start < effective)
        # The account's zone does not matter for this day: a schedule without effect may be kept without harm.
        begun = any(_utc_day(term.body.first) <= effective for term in earlier)
        return replace(self, terms=earlier, ended=effective) if begun and not force else None


def _utc_day(moment: date | datetime) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


@dataclass(frozen=True, slots=True)
class BalanceEntity(Entity[Balance]):
    """A balance with its transactions, oldest first, and the deleted schedules that still have an effect."""

    transactions: tuple[BalanceTransacted, ...] = ()
    schedules: tuple[ScheduleEntity[Any], ...] = ()

    def noting(self, envelope: Envelope, left: ScheduleEntity[Any] | None = None) -> "BalanceEntity":
        """The balance after a fact about one of its schedules; `left` is the remainder of a deleted schedule."""
        schedules = self.schedules if left is None else (*self.schedules, left)
        return replace(self, folded=envelope.sequence, schedules=schedules)


#: Kinds of resources that hold money for draw-down; only settlement derives their states.
FundEntity = CommitmentEntity | BalanceEntity


def touched(entity: Any, envelope: Envelope) -> Any:
    """The entity with version, position, time and actor of the fact that is being applied to it."""
    fact = envelope.data
    assert isinstance(fact, ResourceFact)
    stamps = {"folded": envelope.sequence, "modified": envelope.time, "modified_by": envelope.actor}
    return replace(entity, version=fact.version, **stamps)


def created(envelope: Envelope, fact: ResourceCreated[Any] | OrganizationConfigured, of: type[E]) -> E:
    """The entity that a fact creates, in its kind's class, with the actor."""
    at: dict[str, Any] = dict.fromkeys(("position", "folded"), envelope.sequence)
    at |= dict.fromkeys(("created", "modified"), envelope.time)
    at |= dict.fromkeys(("created_by", "modified_by"), envelope.actor)
    return of(id=fact.id, version=fact.version, body=fact.body, **at, **of.beginning(fact))
