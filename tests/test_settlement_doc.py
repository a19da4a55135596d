"""Every number of docs/settlement.md is what its story shows, and a wrong table would be found."""

import re

import pytest

from tests.settlement_doc import BILL, DOC, markdown, parse, problems
from tests.settlement_doc_played import shown

TEXT = DOC.read_text(encoding="utf-8")

#: A document of one rule, and all that it needs.
SMALL = """
# A document
## A section
### A rule
In `projections/settlement/minimums.py`. Story: [a monthly minimum](../tests/scenarios/a-monthly-minimum.yaml).

| bill | line | service period | quantity | amount |
| --- | --- | --- | ---: | ---: |
| 2026-02-01 | USAGE units | 2026-01-01 to 2026-02-01 | 800 | 800.00 |
| 2026-02-01 | COMMITMENT_FEE true-up floor | 2026-01-01 to 2026-02-01 | 1 | 200.00 |
| 2026-02-01 | total | | | 1000.00 |

| after bill | commitment | period | amount | counted | shortfall | trueUp | state |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
| 2026-02-01 | floor | 2026-01-01 to 2026-02-01 | 1000.00 | 800.00 | 200.00 | 200.00 | ENDED |
| 2026-02-01 | floor | 2026-02-01 to 2026-03-01 | 1000.00 | 1300.00 | 0.00 | 0.00 | RUNNING |
"""
TRUE_UP = "| 2026-02-01 | COMMITMENT_FEE true-up floor | 2026-01-01 to 2026-02-01 | 1 | 200.00 |\n"
TOTAL = "| 2026-02-01 | total | | | 1000.00 |\n"
LINK = "../tests/scenarios/a-monthly-minimum.yaml"


def test_the_document_holds() -> None:
    found = problems(TEXT)
    assert not found, "\n\n" + "\n\n".join(found)


def test_every_table_of_the_document_is_compared() -> None:
    """With the last cell of each table's last row changed, there are as many differences as tables."""
    changed = re.sub(r"(?m)^(\|.*) \|\n(?!\|)", r"\1 changed |\n", TEXT)
    assert len(problems(changed)) == sum(len(rule.tables) for rule in parse(TEXT)) > 100


def test_the_document_has_its_sections() -> None:
    sections = " ".join(rule.title for rule in parse(TEXT) if rule.level == 2).lower()
    for subject in (
        "rating",
        "draw-down",
        "overage",
        "fees",
        "minimums",
        "top-ups",
        "cancel",
        "rollover",
        "amendments",
    ):
        assert subject in sections
    for subject in ("deletion", "parent and child", "bills", "conservation", "rounding"):
        assert subject in sections


def test_a_conservation_row_adds_up() -> None:
    """amount + top-ups = spent + rolled over + lapsed + remaining, in every table that shows them all."""
    whole = ("amount", "top-ups", "amountSpent", "amountRolledOver", "amountLapsed", "amountRemaining")
    tables = [table for rule in parse(TEXT) for table in rule.tables if table.columns[2:] == whole]
    assert tables
    for row in (row for table in tables for row in table.rows):
        amount, topped_up, *went = (int(cell.replace(".", "")) for cell in row[2:])
        assert amount + topped_up == sum(went), row


def test_totals_are_the_sums_of_their_lines() -> None:
    for table in (table for rule in parse(TEXT) for table in rule.tables if table.columns == BILL):
        sums: dict[str, int] = {}
        for bill, line, _, _, amount in table.rows:
            minor = int(amount.replace(".", "") or 0)
            if line == "total":
                assert sums.pop(bill, 0) == minor, f"line {table.line}, {bill}"
            else:
                sums[bill] = sums.get(bill, 0) + minor
        assert not any(sums.values()), f"line {table.line}"


def test_a_small_document_holds() -> None:
    assert problems(SMALL) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| 1 | 200.00 |", "| 1 | 200.01 |"),
        ("| 800 | 800.00 |", "| 801 | 800.00 |"),
        ("USAGE units | 2026-01-01", "USAGE units | 2026-01-02"),
        ("true-up floor", "true-up roof"),
        ("| | 1000.00 |", "| | 1000.01 |"),
        ("| 1300.00 | 0.00 |", "| 1300.00 | 1.00 |"),
        ("| RUNNING |", "| ENDED |"),
        (TRUE_UP, ""),
        (TOTAL, ""),
        (TOTAL, "| 2026-02-01 | USAGE others | 2026-01-01 to 2026-02-01 | | 0.00 |\n" + TOTAL),
        (TRUE_UP + TOTAL, TOTAL + TRUE_UP),
    ],
    ids=[
        "a changed amount",
        "a changed quantity",
        "a changed period",
        "a changed commitment",
        "a changed total",
        "a changed shortfall",
        "a changed state",
        "a missing line",
        "a missing total",
        "an invented line",
        "a changed order",
    ],
)
def test_a_table_that_differs_is_found_and_told_as_it_should_be(old: str, new: str) -> None:
    assert old in SMALL
    [found] = problems(SMALL.replace(old, new, 1))
    pasted = found.split("shows\n")[1]
    assert pasted in SMALL


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "| 2026-02-01 | total",
            "| 2026-02-02 | total",
            "shows 2026-02-01, 2026-03-01; the table names something else",
        ),
        ("| bill | line |", "| bill | row |", "no known table has the columns bill | row"),
        ("period | amount | counted", "period | owed | counted", "no known table has the columns after bill"),
        (LINK, "../tests/scenarios/no-such-story.yaml", "no-such-story.yaml is dead"),
        (f"]({LINK})", "]", "a rule without a story"),
        ("In `projections", "In `projections/settlement/nowhere.py`, `projections", "there is no module"),
        ("`projections/settlement/minimums.py`", "a module", "a rule without a module"),
        ("### A rule", "### An empty rule\n### A rule", "An empty rule: a rule without a table"),
        ("## A section\n", "## An empty section\n## A section\n", "An empty section: a section without a rule"),
        ("# A document\n", f"# A document\n{TOTAL}\n", "a table without a story"),
        ("| --- | --- | --- | ---: | ---: |\n", "", "no ruler under its header"),
        ("Story: ", "See [below](#nowhere). Story: ", "no heading has the anchor #nowhere"),
        ("Story: ", "See [more](nothing.md). Story: ", "the link nothing.md is dead"),
    ],
)
def test_what_a_rule_needs_is_missed(old: str, new: str, said: str) -> None:
    assert old in SMALL
    assert any(said in problem for problem in problems(SMALL.replace(old, new, 1)))


def test_a_bill_that_was_not_issued_is_told_so() -> None:
    story = DOC.parent.parent / "tests" / "scenarios" / "usage-under-no-pricing-waits.yaml"
    rows = shown(story).bills["2026-02-01"]
    assert re.search(r"\| 2026-02-01 \| no bill \|( \|)+$", markdown(BILL, rows))
