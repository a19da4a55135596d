"""Bills and commitments of the product in a scenario's words: codes for ids."""

from collections.abc import Mapping
from typing import Any

from projections.resources import CommitmentEntity, Resources
from projections.settlement import AgreementState, DraftBill, DraftLine
from services.simulate.player import PlayedBill, PlayedLine


def played_bill(resources: Resources, draft: DraftBill) -> PlayedBill:
    """A draft as a scenario shows it."""
    return PlayedBill(
        resources.accounts[draft.account_id].body.code,
        draft.total,
        draft.currency,
        draft.bill_date,
        tuple(_line(resources, draft, line) for line in draft.lines),
    )


def _line(resources: Resources, draft: DraftBill, line: DraftLine) -> PlayedLine:
    wording = line.wording
    owner = wording["account_id"]
    return PlayedLine(
        type=line.type,
        amount=line.amount,
        quantity=line.quantity,
        period=(wording["period_start"], wording["period_end"]),
        description=wording.get("description", ""),
        true_up=wording.get("true_up", False),
        product=_code(resources.products, wording.get("product_id")),
        commitment=_code(resources.commitments, wording.get("commitment_id")),
        balance=_code(resources.balances, wording.get("balance_id")),
        child_account=None if owner == draft.account_id else resources.accounts[owner].body.code,
    )


def _code(entities: Mapping[str, Any], entity_id: str | None) -> str | None:
    """The code of an entity; of one that was deleted since, its id."""
    if entity_id is None:
        return None
    entity = entities.get(entity_id)
    return entity_id if entity is None else entity.body.code


def state_document(entity: CommitmentEntity, state: AgreementState) -> dict[str, Any]:
    """A commitment in the wire's field names: its body and what is derived."""
    document = entity.body.model_dump(by_alias=True, exclude_unset=True)
    document |= {
        "version": entity.version,
        "status": state.status,
        "amountSpent": state.amount_spent,
        "amountRemaining": state.amount_remaining,
        "amountRolledOver": state.amount_rolled_over,
        "amountLapsed": state.amount_lapsed,
    }
    if entity.top_ups:
        document["topUps"] = [
            {"amount": one.amount, "date": one.date, "recurring": one.recurring} for one in entity.top_ups
        ]
    if (cancelled := entity.cancellation) is not None:
        document["cancellation"] = {"date": cancelled.date, "policy": cancelled.policy}
    if state.periods:
        document["periods"] = [
            {
                "startDate": one.start_date,
                "endDate": one.end_date,
                "amount": one.amount,
                "counted": one.counted,
                "shortfall": one.shortfall,
                "trueUp": one.true_up,
                "state": one.state,
            }
            for one in state.periods
        ]
    return document
