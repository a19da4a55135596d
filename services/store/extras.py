"""What a row of `store.entities` has beside the body, in `extra`: the history of each class of entities, both ways.

A class that keeps a history has a row in `EXTRAS`; of all others there is nothing beside the body.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from events.decimals import plain
from events.facts.commitments import BalanceTransacted, BillingGrid, CommitmentCancelled, CommitmentToppedUp
from projections.entities import (
    AccountEntity,
    BalanceEntity,
    CommitmentEntity,
    Dated,
    Entity,
    PlanEntity,
    ScheduleEntity,
)
from services.store.schedules import extra_of_schedules, extra_of_terms, schedules_in, terms_in

Extra = dict[str, Any]


class ExtraForm(NamedTuple):
    """How a class is written to `extra`, and what of its attributes is read from it, for an entity with this body."""

    write: Callable[[Any], Extra]
    read: Callable[[Mapping[str, Any], Any], Extra]


def _account(account: AccountEntity) -> Extra:
    return {} if account.forgotten is None else {"forgotten": account.forgotten.isoformat()}


def _read_account(extra: Mapping[str, Any], _: Any) -> Extra:
    return {"forgotten": datetime.fromisoformat(extra["forgotten"]) if extra.get("forgotten") else None}


def _commitment(commitment: CommitmentEntity) -> Extra:
    return {
        "topUps": [_told(fact) for fact in commitment.top_ups],
        "cancellation": commitment.cancellation and _told(commitment.cancellation),
        "grid": commitment.grid and _told(commitment.grid),
        "amounts": [plain(amount) for amount in commitment.amounts],
    }


def _read_commitment(extra: Mapping[str, Any], _: Any) -> Extra:
    cancellation, grid = extra.get("cancellation"), extra.get("grid")
    return {
        "top_ups": tuple(CommitmentToppedUp.model_validate(fact) for fact in extra.get("topUps", ())),
        "cancellation": CommitmentCancelled.model_validate(cancellation) if cancellation else None,
        "grid": BillingGrid.model_validate(grid) if grid else None,
        "amounts": tuple(Decimal(amount) for amount in extra.get("amounts", ())),
    }


def _balance(balance: BalanceEntity) -> Extra:
    return {"transactions": [_told(fact) for fact in balance.transactions]} | extra_of_schedules(balance.schedules)


def _read_balance(extra: Mapping[str, Any], _: Any) -> Extra:
    transactions = tuple(BalanceTransacted.model_validate(fact) for fact in extra["transactions"])
    return {"transactions": transactions, "schedules": schedules_in(extra)}


def _read_schedule(extra: Mapping[str, Any], body: Any) -> Extra:
    return {"terms": terms_in(extra, type(body))}


def _plan(plan: PlanEntity[Any]) -> Extra:
    return {"standingCharges": _dates(plan.standing_charges), "minimumSpends": _dates(plan.minimum_spends)}


def _read_plan(extra: Mapping[str, Any], body: Any) -> Extra:
    return {
        "standing_charges": _dated(extra.get("standingCharges"), body.standing_charge),
        "minimum_spends": _dated(extra.get("minimumSpends"), body.minimum_spend),
    }


EXTRAS: dict[type[Entity[Any]], ExtraForm] = {
    AccountEntity: ExtraForm(_account, _read_account),
    CommitmentEntity: ExtraForm(_commitment, _read_commitment),
    BalanceEntity: ExtraForm(_balance, _read_balance),
    ScheduleEntity: ExtraForm(extra_of_terms, _read_schedule),
    PlanEntity: ExtraForm(_plan, _read_plan),
}


def extra_of(entity: Entity[Any]) -> Extra:
    """What the entity's row has beside its body; {} of a class without a history."""
    history = EXTRAS.get(type(entity))
    return {} if history is None else history.write(entity)


def _told(fact: Any) -> Extra:
    told: Extra = fact.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return told


def _dates(amounts: Iterable[Dated]) -> list[tuple[str, str | None]]:
    return [(start.isoformat(), None if amount is None else plain(amount)) for start, amount in amounts]


def _dated(dated: Sequence[tuple[str, str | None]] | None, only: Decimal | None) -> tuple[Dated, ...]:
    """The amounts of a plan's, template's or group's row; one that was written before these were kept has the body's
    alone."""
    if dated is None:
        return (Dated(date.min, only),)
    return tuple(
        Dated(date.fromisoformat(start), None if amount is None else Decimal(amount)) for start, amount in dated
    )
