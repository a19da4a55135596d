"""The rows that follow from one settlement of a family: balances, draws, accrued lines."""

import json
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from projections.entities import BalanceEntity, CommitmentEntity
from projections.readmodels.accrued_lines import AccruedRow
from projections.readmodels.balances import BalanceRow
from projections.readmodels.draws import DrawRow
from projections.resources import Resources
from projections.settlement import AgreementState, DraftBill, Draw, Settlement


class SettledRows(NamedTuple):
    """All rows of one root, each list in the order of its key."""

    balances: tuple[BalanceRow, ...]
    draws: tuple[DrawRow, ...]
    lines: tuple[AccruedRow, ...]


NOTHING = SettledRows((), (), ())


def settled_rows(
    settlement: Settlement, drafts: Iterable[DraftBill], own: Resources, root_id: str, today: date
) -> SettledRows:
    """The rows of a family. `drafts` is what is unbilled, `own` its commitments and balances."""
    organization = own.organization
    states = {**settlement.commitments, **settlement.balances}
    held: dict[str, CommitmentEntity | BalanceEntity] = {**own.commitments, **own.balances}
    balances = [
        balance_row(held[id], state, organization, root_id, today) for id, state in states.items() if id in held
    ]
    draws = [_draw(draw, number, organization, root_id) for number, draw in enumerate(settlement.draws, 1)]
    return SettledRows(tuple(sorted(balances)), tuple(draws), tuple(_lines(drafts, organization, root_id)))


def balance_row(
    entity: CommitmentEntity | BalanceEntity, state: AgreementState, organization: str, root_id: str, today: date
) -> BalanceRow:
    """How a commitment or balance stands, `today`."""
    periods = [{name: str(value) for name, value in one.document().items()} for one in state.periods]
    return BalanceRow(
        entity.id,
        organization,
        root_id,
        entity.body.account_id,
        state.kind,
        entity.body.currency,
        state.amount + state.top_ups,
        state.amount_spent,
        state.amount_remaining,
        state.amount_rolled_over,
        state.amount_lapsed,
        state.status,
        json.dumps(periods),
        entity.folded,
        today,
    )


def _draw(draw: Draw, number: int, organization: str, root_id: str) -> DrawRow:
    key = draw.charge
    charge = {
        "type": key.type,
        "accountPlanId": key.account_plan_id,
        "pricingId": key.pricing_id,
        "periodStart": key.start.isoformat(),
        "rolledOver": draw.rolled_over,
    }
    return DrawRow(
        root_id,
        number,
        organization,
        draw.agreement_id,
        key.account_id,
        json.dumps(charge),
        draw.slice_start,
        draw.amount,
        draw.place,
    )


def _lines(drafts: Iterable[DraftBill], organization: str, root_id: str) -> Iterable[AccruedRow]:
    """The lines of all drafts, numbered through."""
    number = 0
    for draft in drafts:
        for draft_line in draft.lines:
            number += 1
            document = draft_line.line("").model_dump(mode="json", by_alias=True, exclude={"id"}, exclude_none=True)
            yield AccruedRow(
                root_id,
                number,
                organization,
                draft.account_id,
                draft_line.type,
                draft_line.amount,
                draft_line.quantity,
                draft.currency,
                json.dumps(document),
            )
