"""Models of answers, made from the models of bodies: the sent members, and those that Trueup adds.

Handlers answer with JSON that they encode themselves (`wire.py`); these models say in OpenAPI what it looks like. A
member that may be absent has the default None, and is absent then, never null.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.alias_generators import to_camel

from events.facts.commitments import CancelPolicy
from projections.entities import BalanceEntity, CommitmentEntity, ScheduleEntity
from projections.settlement.states import Status
from services.commands.kind import Kind


class Shown(BaseModel):
    """A JSON object of an answer; it has no other members."""

    # The validators are built with the OpenAPI document, which alone needs them.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class Stamped(Shown):
    """The members that every resource's answer has: when it was created and changed, and by whom."""

    id: str
    version: int
    dt_created: datetime
    dt_last_modified: datetime
    created_by: str
    last_modified_by: str


class Period(Shown):
    """A period of a MINIMUM and its state."""

    start_date: date
    end_date: date
    amount: Decimal
    counted: Decimal
    shortfall: Decimal
    true_up: Decimal
    state: str


class TopUpShown(Shown):
    """An amount that was added to a commitment; `ruleId`: by this automatic rule."""

    amount: Decimal
    date: date
    recurring: bool
    rule_id: str | None = None


class CancellationShown(Shown):
    """When a commitment was cancelled, and what is still owed."""

    date: date
    policy: CancelPolicy


class Derived(Shown):
    """Settled fields of a commitment or balance; absent if they are not available now."""

    amount_spent: Decimal | None = None
    amount_remaining: Decimal | None = None
    amount_rolled_over: Decimal | None = None
    amount_lapsed: Decimal | None = None
    status: Status | None = None


class DerivedOfCommitment(Derived):
    """Settled fields of a commitment, and additions of later facts."""

    amount_unscheduled: Decimal | None = None
    periods: tuple[Period, ...] | None = None
    top_ups: tuple[TopUpShown, ...] | None = None
    cancellation: CancellationShown | None = None


class DerivedOfBalance(Derived):
    """Settled fields of a balance: `amount` is the remainder of its transactions."""

    amount: Decimal


class DerivedOfSchedule(Shown):
    """The last day with a top-up or fee of a schedule, and the next one: midnight UTC, which names that day."""

    previous_run: datetime | None = None
    next_run: datetime | None = None


_DERIVED: dict[Any, type[Shown]] = {
    CommitmentEntity: DerivedOfCommitment,
    BalanceEntity: DerivedOfBalance,
    ScheduleEntity: DerivedOfSchedule,
}


def derived_of(kind: Kind) -> type[Shown] | None:
    """The model of the members in `kind.derived`; None for a kind without any."""
    return _DERIVED.get(kind.entity)


@cache
def answer_of_kind(kind: Kind) -> type[BaseModel]:
    """A resource of the kind."""
    derived = derived_of(kind)
    return answer_of(kind.model, *((derived,) if derived else ()))


@cache
def answer_of(model: type[BaseModel], *beside: type[Shown]) -> type[BaseModel]:
    """The members of this model, with stamps, and the members of `beside`."""
    fields: dict[str, Any] = {name: (field.rebuild_annotation(), field) for name, field in model.model_fields.items()}
    return create_model(f"{model.__name__}Answer", __base__=(*beside, Stamped), __doc__=model.__doc__, **fields)


@cache
def listed(model: type[BaseModel]) -> type[BaseModel]:
    """A page of these; `nextToken` asks for the next one, and is absent on the last."""
    fields: dict[str, Any] = {"data": (tuple[model, ...], ...), "next_token": (str | None, None)}  # type: ignore[valid-type]
    return create_model(f"{model.__name__}List", __base__=Shown, __doc__=listed.__doc__, **fields)
