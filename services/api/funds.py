"""Commitments, balances and accounts on the wire, beside their bodies: later facts, and their state."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from events.decimals import plain
from events.facts.commitments import CommitmentToppedUp
from projections.entities import AccountEntity, BalanceEntity, CommitmentEntity, Entity


def added_to(entity: Entity[Any]) -> dict[str, Any]:
    """The additions of later facts, by the wire's names, absent if there were none; {} for other resources."""
    if isinstance(entity, CommitmentEntity):
        fields: dict[str, Any] = {}
        if entity.body.unscheduled:
            fields["amountUnscheduled"] = Decimal(plain(entity.body.unscheduled))
        if entity.top_ups:
            fields["topUps"] = [_top_up(fact) for fact in entity.top_ups]
        if (cancelled := entity.cancellation) is not None:
            fields["cancellation"] = {"date": cancelled.date, "policy": cancelled.policy}
        return fields
    if isinstance(entity, BalanceEntity):
        return {"amount": sum((fact.amount for fact in entity.transactions), Decimal(0))}
    if isinstance(entity, AccountEntity) and entity.forgotten is not None:
        return {"forgottenAt": entity.forgotten}
    return {}


def _top_up(fact: CommitmentToppedUp) -> dict[str, Any]:
    by = {} if fact.rule_id is None else {"ruleId": fact.rule_id}
    return {"amount": fact.amount, "date": fact.date, "recurring": fact.recurring, **by}


def standing_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The state in a row of `commitment_balances`, by the wire's names."""
    fields = {"amountSpent": row["spent"], "amountRemaining": row["remaining"], "status": row["status"]}
    if row["kind"] == "MINIMUM":
        fields["periods"] = [exact_period(period) for period in json.loads(row["periods"], parse_float=Decimal)]
    else:
        fields |= {"amountRolledOver": row["rolled_over"], "amountLapsed": row["lapsed"]}
    if row["kind"] == "BALANCE":
        fields["amount"] = row["remaining"]
    return fields


def exact_period(period: Mapping[str, Any]) -> dict[str, Any]:
    """A commitment period of a row or of the wire, its amounts as exact decimals."""
    return {**period, **{name: Decimal(period[name]) for name in ("amount", "counted", "shortfall", "trueUp")}}
