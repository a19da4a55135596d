"""Every row of the worked examples of other systems is told by a story, or it stands here why none can tell it."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "scenarios"

#: The ids of the rows; some numbers were never given.
ROWS = tuple(
    f"E{number:02}"
    for numbers in (
        # minimums and true-ups, overage and surcharges
        (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37, 38),
        # draw-down, rollover and priority, price models and late usage
        (40, 41, 43, 44, 46, 47, 49, 50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73),
        # rounding and proration, prepayments with schedules, residual cents
        (74, 76, 77, 79, 80, 82, 83, 85, 86),
    )
    for number in numbers
)

#: Rows that our rules cannot tell, and why. Where only a part of a row is not ours, its story's `source` says so.
NOT_EXPRESSED: dict[str, str] = {}


@pytest.fixture(scope="module")
def cited() -> dict[str, list[str]]:
    """Row -> the stories whose `source` names it."""
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.rglob("*.yaml")):
        for source in re.findall(r"^source:.*$", path.read_text(encoding="utf-8"), re.MULTILINE):
            for row in re.findall(r"\bE\d\d\b", source):
                found.setdefault(row, []).append(path.stem)
    return found


@pytest.mark.parametrize("row", ROWS)
def test_the_row_is_told_or_it_is_said_why_not(row: str, cited: dict[str, list[str]]) -> None:
    if row in NOT_EXPRESSED:
        assert NOT_EXPRESSED[row], "a reason"
        assert row not in cited, f"{cited.get(row)} tell it"
    else:
        assert row in cited


def test_no_story_names_a_row_that_is_not_there(cited: dict[str, list[str]]) -> None:
    assert cited.keys() <= set(ROWS)
    assert NOT_EXPRESSED.keys() <= set(ROWS)
