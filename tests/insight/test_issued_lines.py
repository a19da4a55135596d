"""A line in the log has what is said of it, and no member that says nothing."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from projections.settlement import draft_bills, issue
from tests.insight.bills import NOWHERE, bill_id_of
from tests.settlement.playing import family_of, play_text

SCENARIOS = Path(__file__).parents[1] / "scenarios"
NEWER = {"compoundAggregationId", "planGroupId", "chargeId"}


def lines_of(story: str) -> list[dict[str, Any]]:
    """The lines of the bills of a day after all that the story bills, as the log would have them."""
    player = play_text((SCENARIOS / f"{story}.yaml").read_text(encoding="utf-8"))
    drafts = draft_bills(family_of(player), date=date(2027, 1, 1))
    facts = [issue(draft, bill_id=bill_id_of(number), positions=NOWHERE) for number, draft in enumerate(drafts)]
    found = [json.loads(fact.model_dump_json(by_alias=True, exclude_unset=True)) for fact in facts]
    return [line for bill in found for line in bill["lines"]]


@pytest.mark.parametrize(
    ("story", "named"),
    [
        ("a-standing-charge-every-third-bill", set()),
        ("a-group-of-plans-has-one-minimum-spend", {"planGroupId"}),
        ("a-groups-own-charges-are-under-no-product", {"planGroupId"}),
    ],
)
def test_a_line_names_what_is_newer_only_where_there_is_such(story: str, named: set[str]) -> None:
    lines = lines_of(story)
    assert lines and not [line for line in lines if None in line.values()]
    assert {name for line in lines for name in line} & NEWER == named
