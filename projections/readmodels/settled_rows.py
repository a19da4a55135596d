"""The rows from one settlement of a family: balances, then draws and accrued lines, then outlooks."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from projections.entities import FundEntity
from projections.outlook.outlook import UsedBefore, outlooks, used_before
from projections.readmodels.accrued_lines import AccruedRow
from projections.readmodels.balances import BalanceRow
from projections.readmodels.draws import DrawRow
from projections.readmodels.outlooks import OutlookRow, outlook_rows
from projections.resources import Resources
from projections.settlement import AgreementState, DraftBill, Draw, Settlement


class SettledRows(NamedTuple):
    """All rows of one root, each list in the order of its key."""

    balances: tuple[BalanceRow, ...]
    draws: tuple[DrawRow, ...]
    lines: tuple[AccruedRow, ...]
    outlooks: tuple[OutlookRow, ...]


class Shown(NamedTuple):
    """A commitment's or balance's state and the row made from it."""

    state: AgreementState
    row: BalanceRow


class BehindRows(NamedTuple):
    """A root's draws and accrued lines, each list in the order of its key; they are written after the balances."""

    draws: tuple[DrawRow, ...]
    lines: tuple[AccruedRow, ...]


NO_ROWS = BehindRows((), ())


class Written(NamedTuple):
    """The rows that settlement last wrote for a root; None for rows not written since the family was loaded."""

    balances: Mapping[str, Shown] | None = None
    behind: BehindRows | None = None
    outlooks: tuple[OutlookRow, ...] | None = None


NOTHING_WRITTEN = Written()


def settled_rows(
    settlement: Settlement, drafts: Iterable[DraftBill], own: Resources, root_id: str, today: date
) -> SettledRows:
    """The rows of a family. `drafts` are its unbilled lines, `own` its commitments and balances."""
    balances = balances_shown(settlement, own, root_id, today, {})
    behind = behind_rows(settlement, drafts, own.organization, root_id)
    expected = expected_rows(settlement, used_before(settlement), own.organization, root_id)
    return SettledRows(tuple(sorted(shown.row for shown in balances.values())), *behind, expected)


def balances_shown(
    settlement: Settlement, own: Resources, root_id: str, today: date, before: Mapping[str, Shown]
) -> dict[str, Shown]:
    """The family's commitments and balances by id; those that are unchanged since `before` keep the same objects.

    An identical state object has the same terms and day, so its row is the same, too.
    """
    by_id = {}
    for id, state in settlement.states().items():
        shown = before.get(id)
        if shown is not None and shown.state is state:
            by_id[id] = shown
            continue
        entity: FundEntity | None = own.commitments.get(id) or own.balances.get(id)
        if entity is not None:
            by_id[id] = Shown(state, balance_row(entity, state, own.organization, root_id, today))
    return by_id


def behind_rows(settlement: Settlement, drafts: Iterable[DraftBill], organization: str, root_id: str) -> BehindRows:
    """The draws, and the unbilled lines."""
    draws = [_draw(draw, number, organization, root_id) for number, draw in enumerate(settlement.draws, 1)]
    return BehindRows(tuple(draws), tuple(_lines(drafts, organization, root_id)))


def expected_rows(settlement: Settlement, used: UsedBefore, organization: str, root_id: str) -> tuple[OutlookRow, ...]:
    """The rows of forecasts, given what was `used` before."""
    return tuple(outlook_rows(outlooks(settlement, used), organization, root_id))


def balance_row(entity: FundEntity, state: AgreementState, organization: str, root_id: str, today: date) -> BalanceRow:
    """The row of a commitment's or balance's state, as of `today`."""
    periods = [{name: str(value) for name, value in period.document().items()} for period in state.periods]
    return BalanceRow(
        commitment_id=entity.id,
        organization=organization,
        root_id=root_id,
        account_id=entity.body.account_id,
        kind=state.kind,
        currency=entity.body.currency,
        amount=state.amount + state.top_ups,
        spent=state.amount_spent,
        remaining=state.amount_remaining,
        rolled_over=state.amount_rolled_over,
        lapsed=state.amount_lapsed,
        status=state.status,
        periods=json.dumps(periods) if periods else "[]",
        folded=entity.folded,
        as_of=today,
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
    """The lines of all drafts, numbered consecutively."""
    number = 0
    for draft in drafts:
        for draft_line in draft.lines:
            number += 1
            document = draft_line.line("").model_dump_json(by_alias=True, exclude={"id"}, exclude_none=True)
            yield AccruedRow(
                root_id,
                number,
                organization,
                draft.account_id,
                draft_line.type,
                draft_line.amount,
                draft_line.quantity,
                draft.currency,
                document,
            )
