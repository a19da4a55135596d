"""Every type has its row, and the rows say what bodies and facts may name."""

import ast
from typing import get_args

from events.facts.bills import ChargeType, LineType
from events.resources.balances import Balance
from events.resources.commitments import DrawableType
from projections.explain.explain import PARTS
from projections.line_types import CHARGES, DRAW_RANK, LINES, MEMO_TYPES, NOT_DERIVED
from projections.settlement.compiled_agreements import OF_BALANCES
from tests.asking import asked
from tests.modules import ROOT, parsed, sources


def test_every_type_of_line_and_charge_has_its_row() -> None:
    assert set(LINES) == set(get_args(LineType))
    assert set(CHARGES) == set(get_args(ChargeType))
    assert set(CHARGES) <= set(LINES)


def test_what_a_commitment_may_restrict_itself_to_is_what_draws() -> None:
    of_plans = {charge_type for charge_type in DRAW_RANK if not CHARGES[charge_type].one_off}
    assert of_plans == set(get_args(DrawableType))


def test_only_a_credit_is_paid_out() -> None:
    assert [row.type for row in CHARGES.values() if row.payable and not row.credit] == []


def test_a_balance_that_names_no_types_is_drawn_on_for_all_that_it_may_name() -> None:
    named = str(Balance.model_fields["line_item_types"].annotation)
    assert {charge_type for charge_type in CHARGES if f"'{charge_type}'" in named} == OF_BALANCES


def test_every_type_of_line_is_explained_in_one_way() -> None:
    of_agreements, not_derived = {"COMMITMENT_FEE"}, {row.type for row in LINES.values() if row.rule == NOT_DERIVED}
    assert sorted([*PARTS, *of_agreements, *not_derived, *MEMO_TYPES]) == sorted(LINES)


#: Who may ask of which type a charge or line is, and why; all else of it stands in its row.
ASKS = {
    "projections/settlement/conservation.py": "a law shares nothing with what it holds",
    "projections/settlement/obligations.py": "what a commitment has billed of its own",
}


def test_nobody_else_asks_of_which_type_a_charge_or_line_is() -> None:
    asking = dict[str, set[str]]()
    for path in sources("projections"):
        for expression in asked(parsed(path)):
            parts = expression.elts if isinstance(expression, ast.Tuple | ast.List | ast.Set) else (expression,)
            names = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            names &= LINES.keys()
            if names:
                asking.setdefault(str(path.relative_to(ROOT)), set()).update(names)
    assert asking.keys() == ASKS.keys(), asking
