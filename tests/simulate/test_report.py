"""What `trueup simulate` prints into a log of 80 columns, by value."""

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.run.printing import make_console, show
from services.simulate.cli import run_files
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.player import PlayedBill, PlayedLine
from services.simulate.report import print_story, printed_bill
from services.simulate.story import read_story

SCENARIOS = Path(__file__).parent.parent / "scenarios"
JANUARY, FEBRUARY = (date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 2, 1), date(2026, 3, 1))
BILL = PlayedBill(
    "acme",
    Decimal("1214.00"),
    "USD",
    date(2026, 2, 1),
    (
        PlayedLine("USAGE", Decimal("9200.00"), Decimal(20000), JANUARY, "transactions", product="pay", charge="calls"),
        PlayedLine(
            "COMMITMENT_CONSUMED", Decimal("-9200.00"), Decimal(0), JANUARY, "Commitment Consumed",
            product="pay", commitment="year", charge="transactions",
        ),
        PlayedLine("COUNTER_RUNNING_TOTAL_CHARGE", Decimal("0"), Decimal("3"), FEBRUARY, "seats", product="pay"),
        PlayedLine("COMMITMENT_FEE", Decimal("1214.00"), Decimal(1), FEBRUARY, "a fee", commitment="year"),
    ),
)  # fmt: skip
PRINTED = """\
bill 2026-02-01: acme
line                          about                         quantity         USD
────────────────────────────────────────────────────────────────────────────────
2026-01-01 to 2026-02-01
USAGE                         pay, transactions               20,000    9,200.00
COMMITMENT_CONSUMED           pay, year, for                           -9,200.00
                              transactions
2026-02-01 to 2026-03-01
COUNTER_RUNNING_TOTAL_CHARGE  pay, seats                           3           0
COMMITMENT_FEE                year, a fee                               1,214.00
────────────────────────────────────────────────────────────────────────────────
total                                                                   1,214.00
"""


@pytest.fixture(autouse=True)
def _no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_a_bill_of_several_periods_tells_each_above_its_lines() -> None:
    out = io.StringIO()
    console = make_console(out)
    show(console, printed_bill(console, "bill", BILL))
    assert out.getvalue() == PRINTED


def test_every_scenario_fits_80_columns_with_nothing_cut() -> None:
    out = io.StringIO()
    for path in sorted(SCENARIOS.rglob("*.yaml")):
        story = read_story(path.read_bytes())
        print_story(make_console(out), path.relative_to(SCENARIOS), story.title, play(story, MemoryPlayer()))
    lines = out.getvalue().splitlines()
    assert len(lines) > 1000
    assert not [line for line in lines if len(line) > 80 or line != line.rstrip() or "…" in line or "\x1b" in line]
    assert "COMMITMENT_CONSUMED       payments, year, for                          -9,200.00" in lines


def test_draws_whose_charge_stands_on_another_bill_say_which_charge_they_pay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "draws.yaml"
    path.write_text("""
scenario: draws that are given back when their contract goes
plans:
  - {code: basic, product: base, billFrequency: MONTHLY, standingCharge: 5, minimumSpend: 20}
contracts:
  - {code: frame, account: acme, startDate: 2026-01-01, endDate: 2030-01-01}
accounts:
  - {code: acme, plans: [{code: ap, plan: basic, contract: frame, startDate: 2026-01-01}]}
commitments:
  - {code: pre, account: acme, amount: 90, amountPrePaid: 90, startDate: 2026-01-01, endDate: 2027-01-01,
     contract: frame}
steps:
  - bill: {date: 2026-02-01}
  - update: {accountPlan: ap, set: {contract: null}}
  - bill: {date: 2026-02-01}
""")
    assert run_files([path], json=True, live=None) == 0
    lines = json.loads(capsys.readouterr().out)["steps"][2]["result"][0]["lines"]
    drawn = "COMMITMENT_CONSUMED"
    told = [(line["type"], line["chargeType"], line["amount"]) for line in lines]
    assert told == [(drawn, "STANDING_CHARGE", "5.00"), (drawn, "MINIMUM_SPEND", "20.00")]
    run_files([path], json=False, live=None)
    out = capsys.readouterr().out.split("bill 2026-02-01")[2]
    assert "pre, for standing charge" in out and "pre, for minimum spend" in out
