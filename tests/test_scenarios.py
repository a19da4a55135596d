"""Every billing story under tests/scenarios holds, played in memory."""

import json
from pathlib import Path

import pytest

from services.simulate.cli import run_files
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.story import parse_story, read_story
from services.simulate.yaml_lines import ScenarioError, load_yaml

FOLDER = Path(__file__).parent / "scenarios"
STORIES = sorted(FOLDER.rglob("*.yaml"))

WRONG = """
scenario: a broken expectation must be seen
plans:
  - code: basic
    product: service
    pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE}]}
aggregations:
  - {code: units, meter: m, targetField: q}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 2.5}}
  - bill: {date: 2026-02-01}
    expect: EXPECT
"""


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_holds(path: Path) -> None:
    story = read_story(path.read_bytes())
    assert any(step.expect is not None or step.expect_error for step in story.steps), "a story that expects nothing"
    for played in play(story, MemoryPlayer()):
        assert not played.differences, f"step {played.step.index}, line {played.step.line}: {played.differences}"


def test_there_are_enough_stories() -> None:
    assert len(STORIES) >= 80


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("[{account: acme, total: 2.51}]", "total is 2.50, expected 2.51"),
        ("[{account: acme, lines: []}]", "the line USAGE 2.50"),
        ("[{account: acme, lines: [{type: USAGE, amount: 2.5}, {type: USAGE}]}]", "no line type USAGE"),
        ("[{account: acme, lines: [{type: USAGE, quantity: 2}]}]", "no line type USAGE, quantity 2"),
        ("[{account: acme, lines: [{type: USAGE, period: [2026-01-01, 2026-02-02]}]}]", "no line"),
        ("[]", "a bill of 2.50 USD is not expected"),
        ("[{account: acme, total: 2.50}, {account: other, total: 1}]", "other: total is 0, there is no bill"),
    ],
)
def test_a_difference_is_named(expect: str, said: str) -> None:
    played = play(parse_story(load_yaml(WRONG.replace("EXPECT", expect))), MemoryPlayer())
    assert said in " ".join(text for result in played for text in result.differences)


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("bill: {date: 2026-02-01}", "bill: {day: 2026-02-01}", 15, "bill.day"),
        ("bill: {date: 2026-02-01}", "bill: {date: tomorrow}", 15, "date"),
        ("bill: {date: 2026-02-01}", "invoice: {date: 2026-02-01}", 15, "steps[1]"),
        ("{code: m, dataFields", "{codes: m, dataFields", 8, "meter.code"),
        ("bill: {date: 2026-02-01}", "bill: {date: 2026-02-31}", 15, "date: must be a date"),
        ("bill: {date: 2026-02-01}", "bill: {date: 9999-02-01}", 15, "date: must be between"),
        ("startDate: 2026-01-01", "startDate: 2026-02-31", 12, "startDate: must be a date"),
        ("startDate: 2026-01-01", "startDate: 0001-01-01", 12, "startDate: must be between"),
        ("ts: 2026-01-10T00:00:00Z", "ts: 2026-01-10T00:00:00", 14, "ts: must be an RFC 3339 date-time with an offset"),
        ("ts: 2026-01-10T00:00:00Z", "ts: 2026-02-31T00:00:00Z", 14, "ts"),
        ("expect: EXPECT", "expect: [{account: acme, lines: [{type: USAGES}]}]", 16, "USAGES is not a type"),
        ("plan: basic, startDate", "plan: basic, beginDate", 12, "beginDate"),
        ("expect: EXPECT", "expect: [{account: acme, lines: [{typ: USAGE}]}]", 16, "typ"),
        ("scenario:", "scenarios:", 2, "scenarios"),
        ("measure: {q: 2.5}", "measure: {q: 2.5, q: 3}", 14, "q"),
        ("scenario:", "scenario: [", 3, "YAML"),
    ],
)
def test_a_wrong_file_names_line_and_field(old: str, new: str, line: int, field: str) -> None:
    text = WRONG.replace(old, new, 1)
    with pytest.raises(ScenarioError) as caught:
        play(parse_story(load_yaml(text)), MemoryPlayer())
    assert caught.value.line == line
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{q: 2.5}", '{q: "2.5"}', "measure.q must be a JSON number"),
        ("{q: 2.5}", "{q: 1000000000000000000}", "measure.q must have at most 18 whole digits"),
        ("{q: 2.5}", "{p: 2.5}", "measure.p is no field of meter 'm'"),
        ("measure: {q: 2.5}", "who: {q: a}", "who.q must stand in measure"),
        ("account: acme, meter: m", "account: acme, meter: n", "meter must be a meter's code"),
        ("account: acme, meter: m", "account: nobody, meter: m", "account must be an account's code"),
        ("ts: 2026-01-10T", "ts: 1970-01-01T", "ts must not be before 1970-01-02"),
    ],
)
def test_what_ingest_refuses_is_refused(old: str, new: str, said: str) -> None:
    story = parse_story(load_yaml(WRONG.replace(old, new, 1).replace("    expect: EXPECT\n", "")))
    [difference] = play(story, MemoryPlayer())[0].differences
    assert f"was refused: usage was refused: {said}" in difference


def test_a_fault_while_a_step_is_played_is_a_difference_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(MemoryPlayer, "bill", fail)
    path = tmp_path / "fault.yaml"
    path.write_text(WRONG.replace("EXPECT", "[]"))
    assert run_files([path], json=False, live=None) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "step 1 (bill), line 15: failed: OverflowError: date value out of range" in said
    assert "Traceback" not in said


def test_exit_statuses_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, differs, wrong = (tmp_path / name for name in ("right.yaml", "differs.yaml", "wrong.yaml"))
    right.write_text(WRONG.replace("EXPECT", "[{account: acme, total: 2.50, lines: [{type: USAGE, quantity: 2.5}]}]"))
    differs.write_text(WRONG.replace("EXPECT", "[]"))
    wrong.write_text("steps: 1")
    assert run_files([right], json=False, live=None) == 0
    assert "acme" in capsys.readouterr().out
    assert run_files([differs], json=True, live=None) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["steps"][1]["kind"]) == (False, "bill")
    [bill] = document["steps"][1]["result"]
    assert (bill["account"], bill["total"]) == ("acme", "2.50")
    assert bill["lines"][0]["period"] == ["2026-01-01", "2026-02-01"]
    assert run_files([right, wrong, differs], json=False, live=None) == 2


def test_numbers_keep_their_text() -> None:
    assert str(load_yaml("a: 0.1000000000000000055511151231257827")["a"]) == "0.1000000000000000055511151231257827"


def test_usage_that_no_price_holds_for_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unpriced.yaml"
    early = "  - usage: {account: acme, meter: m, ts: 2025-12-DAYT00:00:00Z, measure: {q: 1.25}}\n"
    views = "  - unbilled: {account: acme, date: 2026-02-01}\n    expect: [{account: acme, total: 2.50}]\n"
    text = WRONG.replace("EXPECT", "[{account: acme, total: 2.50}]")
    path.write_text(
        text.replace("  - bill", early.replace("DAY", "30") + early.replace("DAY", "31") + views + "  - bill")
    )
    assert run_files([path], json=False, live=None) == 0
    assert "unpriced: acme units 2.5, 2025-12-30 to 2026-01-01" in capsys.readouterr().out
