"""Every type has its row, and the rows say what bodies and facts may name."""

from typing import get_args

from events.facts.bills import ChargeType, LineType
from events.resources.commitments import DrawableType
from projections.line_types import CHARGES, DRAW_RANK, LINES


def test_every_type_of_line_and_charge_has_its_row() -> None:
    assert set(LINES) == set(get_args(LineType))
    assert set(CHARGES) == set(get_args(ChargeType))
    assert set(CHARGES) <= set(LINES)


def test_what_a_commitment_may_restrict_itself_to_is_what_draws() -> None:
    of_plans = {one for one in DRAW_RANK if not CHARGES[one].one_off}
    assert of_plans == set(get_args(DrawableType))


def test_only_a_credit_is_paid_out() -> None:
    assert [row.type for row in CHARGES.values() if row.payable and not row.credit] == []
