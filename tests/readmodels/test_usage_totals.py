"""Usage to rows of `usage_totals`: one day's state, of which column `state` keeps what two numbers cannot tell."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from projections.aggregates import DayState
from projections.readmodels.usage_totals import TotalRow, day_state, total_row

KEY = ("account", "aggregation", '{"model":"large"}', date(2026, 1, 15))
STATES = {
    "sum": (DayState(Decimal("12.50"), 3), None),
    "latest": (DayState(Decimal(7), 2, "2026-01-15T10:00:00Z u1"), {"l": "2026-01-15T10:00:00Z u1"}),
    "unique": (DayState(Decimal(0), 4, "", frozenset({"b", "a"})), {"v": ["a", "b"]}),
}


def row_of(state: DayState) -> TotalRow:
    return total_row(KEY, 3, "org", state, (40, 42))


def test_a_day_has_its_key_how_many_records_made_it_and_where_they_stand() -> None:
    assert row_of(DayState(Decimal("12.50"), 3)) == TotalRow(
        account_id="account", aggregation_id="aggregation", segment='{"model":"large"}', day=date(2026, 1, 15),
        partition=3, organization="org", records=3, total=Decimal("12.50"), state=None, first_offset=40, last_offset=42,
    )  # fmt: skip


@pytest.mark.parametrize(("state", "kept"), STATES.values(), ids=STATES)
def test_a_row_keeps_the_whole_state_and_gives_it_back(state: DayState, kept: Any) -> None:
    row = row_of(state)
    assert (row.records, row.total) == (state.records, state.number)
    assert (row.state and json.loads(row.state)) == kept
    assert day_state(row._asdict()) == state
