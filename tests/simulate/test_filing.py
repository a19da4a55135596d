"""What a story expects of a bill as a file and as accounting: what differs is named, and what is wrongly asked."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulate.cli import run_files
from services.simulate.compare import ledger_differences
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import ScenarioError, load_yaml

GIVEN = """
organization: {personalData: ERASABLE}
statementConfig: {seller: {name: Seller GmbH, taxNumber: DE1}, taxRate: 19}
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q}]
plans: [{code: basic, product: api, pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, name: Acme Ltd, plans: [{plan: basic, startDate: 2026-01-01}]}]
commitments: [{code: ahead, account: acme, amount: 40, startDate: 2026-01-01, endDate: 2026-02-01}]
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 30}}
"""
BILL = "  - bill: {date: 2026-02-01}\n    expect: [{account: acme, partial: true, EXPECT}]\n"
JOURNAL = "  - journal: {date: 2026-02-01}\n    expect: EXPECT\n"


def last(steps: str) -> Played:
    """The last step of what is played in memory."""
    return play(parse_story(load_yaml(GIVEN + steps)), MemoryPlayer())[-1]


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("statement: {net: 0, total: 0, groups: [{title: api, amount: 0}], buyer: {name: Acme Ltd}}", ()),
        ("statement: {total: 1}", ("acme: statement.total is 0.00, expected 1",)),
        ("statement: {tax: {rate: 20}}", ("acme: statement.tax.rate is 19, expected 20",)),
        ("statement: {note: Thanks}", ("acme: statement.note is absent, expected Thanks",)),
        ("statement: {buyer: {name: Acme}}", ("acme: statement.buyer.name is Acme Ltd, expected Acme",)),
        ("statement: {groups: []}", ("acme: there are 1 groups, expected 0",)),
        ("lines: [{type: USAGE, months: {2026-01: 30.00}, recognition: REVENUE}]", ()),
        (
            "lines: [{type: USAGE, months: {2026-02: 30.00}}]",
            ("acme: no line type USAGE, months 2026-02=30.00",),
        ),
    ],
)
def test_what_differs_of_a_bill_as_a_file_is_named(expected: str, said: tuple[str, ...]) -> None:
    assert last(BILL.replace("EXPECT", expected)).differences == said


def test_a_line_that_is_not_expected_tells_its_months() -> None:
    differences = last(
        BILL.replace("partial: true, EXPECT", "lines: [{type: USAGE, recognition: REVENUE}]")
    ).differences
    assert differences == (
        "acme: the line COMMITMENT_CONSUMED -30.00 ahead api 2026-01-01 to 2026-02-01, RELEASE 2026-01=-30.00 is not"
        " expected",
    )


def test_where_there_is_no_bill_there_is_no_statement() -> None:
    differences = last("  - bill: {date: 2026-01-01}\n    expect: [{account: acme, statement: {net: 0}}]\n").differences
    assert differences == ("acme: there is no bill, and so no statement",)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (BILL.replace("EXPECT", "statement: {nett: 1}"), "expect.statement.nett: is not a field of a statement"),
        (BILL.replace("EXPECT", "lines: 5"), "expect.lines: must be a list of mappings"),
        (BILL.replace("EXPECT", "statement: 1"), "expect.statement: must be a mapping"),
        (BILL.replace("EXPECT", "statement: {groups: {}}"), "expect: must be a list of mappings"),
        (
            "  - preview: {date: 2026-02-01, account: acme}\n    expect: [{account: acme, statement: {net: 1}}]\n",
            "expect: a statement, recognition and months are of bills that are issued",
        ),
        (
            "  - unbilled: {date: 2026-02-01, account: acme}\n    expect: [{account: acme, lines: [{months: {}}]}]\n",
            "expect: a statement, recognition and months are of bills that are issued",
        ),
        (JOURNAL.replace("EXPECT", "[{ledger: 1200}]"), "expect.ledger: must be text (put it in quotes)"),
        (JOURNAL.replace("EXPECT", "{}"), "expect: must be a list of mappings"),
        ("  - journal: {closedDate: 2026-02-01}\n", "journal.closedDate: is not a field of this step"),
    ],
)
def test_what_is_wrongly_asked_names_line_and_field(steps: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        last(steps)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{seller: {name: S}, version: 1}", "line 3: statementConfig.version: is not for a story to say"),
        ("[]", "line 3: statementConfig: must be a mapping"),
        ("{seller: {name: S}, taxRate: 19}", "line 3: statementConfig: body: seller.taxNumber: is required"),
    ],
)
def test_a_configuration_of_statements_that_is_refused_is_named(config: str, said: str) -> None:
    text = GIVEN.replace("{seller: {name: Seller GmbH, taxNumber: DE1}, taxRate: 19}", config)
    with pytest.raises(ScenarioError) as caught:
        play(parse_story(load_yaml(text)), MemoryPlayer())
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_journal_closes_what_was_drawn_and_never_billed(deleted: bool) -> None:
    """Also of what was deleted: its draws are taken back by the next bill, and then nothing is left to be closed."""
    steps = BILL.replace(", EXPECT", "") + "  - journal: {date: 2026-02-01}\n"
    told = {entry["ledger"]: str(entry["balance"]) for entry in last(steps).result}
    assert told == {"1200": "0", "1250": "0", "2410": "0", "4000": "-30", "4950": "30"}
    if deleted:
        steps += "  - delete: {commitment: ahead, force: true}\n  - bill: {date: 2026-03-01}\n"
        told = {
            entry["ledger"]: str(entry["balance"])
            for entry in last(f"{steps}  - journal: {{date: 2026-03-01}}\n").result
        }
        assert told == {"1200": "30", "1250": "0", "2410": "0", "4000": "-30", "4950": "0"}


def test_a_ledger_whose_debits_are_not_its_credits_differs_by_itself() -> None:
    accounts = [
        {"ledger": name, "currency": currency, "debit": Decimal(debit), "credit": Decimal(0), "balance": Decimal(debit)}
        for name, currency, debit in (("1", "EUR", 5), ("2", "EUR", -5), ("1", "USD", 3))
    ]
    assert ledger_differences(None, accounts, 1) == ["debits are 3 USD more than credits"]
    assert ledger_differences(None, accounts[:2], 1) == []
    assert ledger_differences([{"ledger": "1"}], accounts[:2], 1) == ["there are 2 ledger accounts, expected 1"]


def test_it_is_printed_where_it_is_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "filed.yaml"
    expected_of_it = "statement: {net: 0}, lines: [{type: USAGE, recognition: REVENUE}]"
    path.write_text(GIVEN + BILL.replace("EXPECT", expected_of_it) + "  - journal: {date: 2026-01-31}\n")
    assert run_files([path], json=False, live=None) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in (
        "statement: net 0.00, VAT 19 % 0.00, total 0.00",
        "REVENUE USAGE 30.00: 2026-01=30.00",
        "journal 2026-01-31: ledger 4950, currency USD, debit 30, credit 0, balance 30",
    ):
        assert text in printed
    assert run_files([path], json=True, live=None) == 0
    _, bill, journal = json.loads(capsys.readouterr().out)["steps"]
    assert bill["result"][0]["statement"]["total"] == "0.00"
    assert bill["result"][0]["lines"][1]["months"] == {"2026-01": "-30.00"}
    assert [account["ledger"] for account in journal["result"]] == ["1250", "2410", "4000", "4950"]
