"""A file that is wrong is refused in one line that names its place, whatever stands in it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulate import yaml_lines
from services.simulate.cli import run_files
from services.simulate.story import parse_story
from services.simulate.yaml_lines import Mapping, ScenarioError, load_yaml

USAGE = """
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 1},
      repeat: {every: EVERY, until: 2026-02-01}}
"""
#: Each line is nine times the one before it.
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: x\0y", "line 2: YAML: the character U+0000 may not stand in a file"),
        ("a: 1\n\nb: x\x1by", "line 3: YAML: the character U+001B may not stand in a file"),
        ("a: 1\n" + "# far on\n" * 9000 + "b: \x07", "line 9002: YAML: the character U+0007 may not stand in a file"),
        ("a:\n  " + "[" * 3000, "line 2: YAML: is nested more than 50 deep"),
        ("a:\n  - &b [[[x]]]\nc: " + "[" * 47 + "*b", "line 3: YAML: is nested more than 50 deep"),
        (LAUGHS, "line 6: YAML: holds more than 200,000 values, those behind aliases counted"),
        ("a: &a {x: 1}\nb:\n  <<: *a", "line 3: <<: no mapping is merged into another; write its fields"),
        ("a: 1\nb: !!bool yes", "line 2: yes: is not a text, number, true, false or null, but bool"),
        ("a:\n  - &b [*b]", "line 2: *b: stands inside itself"),
        ("a: 1\nb: " + "7" * 5000, "line 2: 7777777777...: must be a number of at most 100 digits"),
        ("a: 1\nb: 1e999999999", "line 2: 1e999999999: must be a number of at most 100 digits"),
        ("a: 1\n" + "7" * 900 + ": b", "line 2: 7777777777...: must be a number of at most 100 digits"),
        ('a: 1\nb: "x\\ud800"', "line 2: YAML: the character U+D800 may not stand in a text"),
        ('a: 1\nb: ["x\\0"]', "line 2: YAML: the character U+0000 may not stand in a text"),
        ('a: 1\n"x\\udfff": b', "line 2: YAML: the character U+DFFF may not stand in a text"),
        ('a: 1\nb: "\\UFFFFFFFF"', "line 2: YAML: cannot be read: "),
        ("a: 1\nb: !!bool perhaps", "line 2: perhaps: is not a text, number, true, false or null, but bool"),
        ("a: 1\nb: !!timestamp 2026-01-01", "line 2: 2026-01-01: is not a text, number, true, false or null"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_no_story_can_hold_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_yaml(text)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "spelling", ["0100", "1:30", "1:30.5", "0x1F", "0b11", "1_000", "+5", ".5", "5.", "0100.5", ".inf", "-.INF", ".nan"]
)
def test_a_number_that_json_does_not_know_is_refused_as_it_stands(spelling: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_yaml(f"a: 1\namount: {spelling}")
    assert str(caught.value) == f"line 2: {spelling}: is not a plain number such as 100 or 0.5; put a text in quotes"


@pytest.mark.parametrize(
    ("spelling", "number"),
    [
        ("100", 100),
        ("-7", -7),
        ("0", 0),
        ("2.50", Decimal("2.50")),
        ("1e5", Decimal("1e5")),
        ("1.5E-3", Decimal("0.0015")),
    ],
)
def test_a_number_of_json_is_read_to_its_last_digit(spelling: str, number: int | Decimal) -> None:
    read = load_yaml(f"amount: {spelling}")["amount"]
    assert (type(read), str(read)) == (type(number), str(number))


def outcome(text: str, compose: Callable[[str], Any]) -> str:
    """The document with the lines of its mappings, or the refusal."""
    try:
        node = compose(text)
        return repr(None if node is None else placed(yaml_lines._build(node)))
    except ScenarioError as error:
        return f"refused: {error}"


def placed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.line, value.lines, {key: placed(one) for key, one in value.items()}
    return [placed(member) for member in value] if isinstance(value, list) else value


SCENARIOS = [path.read_text() for path in sorted((Path(__file__).parent.parent / "scenarios").rglob("*.yaml"))]
ODD = ["  ", "\n", "- ", ": ", ":", "#", "'", '"', "[", "]", "{", "}", ",", "&a ", "*a", "%", "@", "|", ">", "---",
       "...", "\r", "\x85", "\\x41", "é", "0x1", "~", "yes", ".5", "<<: ", "="]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SCENARIOS), st.lists(st.tuples(st.integers(0, 900), st.sampled_from(ODD)), max_size=3))
def test_both_parsers_read_or_refuse_alike_whatever_is_typed_into_a_story(
    text: str, typed: list[tuple[int, str]]
) -> None:
    for place, odd in typed:
        text = text[:place] + odd + text[place:]
    assert outcome(text, yaml_lines._quickly) == outcome(text, yaml_lines._judged)


def test_a_text_of_which_the_parsers_think_differently_is_read_by_the_strict_one() -> None:
    for text, said in (
        ("a: b\tc", "found character '\\t' that cannot start any token"),
        ("a: {b: x?y}", "expected ',' or '}', but got '?'"),
    ):
        with pytest.raises(ScenarioError, match=re.escape(said)):
            load_yaml(text)


def test_a_number_in_quotes_stays_text() -> None:
    assert load_yaml("code: '0100'") == {"code": "0100"}


def test_words_that_older_yaml_takes_for_truth_stay_text() -> None:
    words = ["yes", "Yes", "no", "NO", "on", "Off", "y", "tRue"]
    assert load_yaml(f"a: [{', '.join(words)}]\nno: norway") == {"a": words, "no": "norway"}
    assert load_yaml("[true, True, TRUE, false, False, FALSE]") == [True] * 3 + [False] * 3


def test_what_is_repeated_more_often_than_can_be_played_is_refused_by_its_step() -> None:
    month = USAGE.replace("EVERY", "15m")
    assert len(parse_story(load_yaml(month)).steps) == 1
    seconds = month + "".join(USAGE.replace("EVERY", "1s").split("steps:\n"))
    with pytest.raises(ScenarioError) as caught:
        parse_story(load_yaml(seconds))
    told = "brings the story's usage to 1,902,912 records, of which at most 200,000 are played"
    assert str(caught.value) == f"line 6: steps[1]: {told}"


HOSTILE = """
scenario: "title\\e]0;owned\\a\\u202e"
accounts: [{code: ac}]
steps:
  - delete: {account: "x\\e[2J\\u009b"}
  - bill: {date: 2026-02-01}
    expect: [{account: "a\\r\\nsteps hold", total: 1}]
"""


def test_what_moves_a_terminal_is_printed_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / name for name in ("story.yaml", "wrong.yaml")]
    paths[0].write_text(HOSTILE)
    paths[1].write_text('"x\\e[2J": 1')
    for json_too in (False, True):
        run_files(paths, json=json_too, live=None)
        out = capsys.readouterr().out
        assert not [character for character in out if character != "\n" and not character.isprintable()]
        if json_too:
            story, wrong = map(json.loads, out.splitlines())
            assert story["scenario"] == "title\x1b]0;owned\x07\u202e"
            assert "code x\x1b[2J\x9b" in story["steps"][0]["result"]
            assert wrong["error"].startswith("line 1: x\x1b[2J")
        else:
            assert r"title\x1b]0;owned\x07\u202e" in out.splitlines()
            assert r"code x\x1b[2J\x9b" in " ".join(out.split())
            assert r"a\r\nsteps hold: total is" in " ".join(out.split())


def test_the_command_says_file_and_line_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in {"nul": b"a: 1\nb: \0", "deep": b"\n" + b"[" * 3000, "latin": b"a: 1\nb: \xe9"}.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert run_files([path], json=False, live=None) == 2
        [line] = capsys.readouterr().out.splitlines()
        assert line.startswith(f"{path}: line 2: ")


@pytest.mark.parametrize("every", ["99999999999d", "99999999d", "99999999w", "367d", "53w", "0d", "1d\n", "١d", "1y"])
def test_a_repeat_that_no_calendar_holds_is_refused_by_name(every: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_story(load_yaml(USAGE.replace("EVERY", json.dumps(every))))
    assert str(caught.value) == "line 4: repeat.every: must be such as 1d, 12h or 30m, and at most 366d"


def test_a_year_may_lie_between_repeats() -> None:
    [step] = parse_story(load_yaml(USAGE.replace("EVERY", "366d"))).steps
    assert step.fields["repeat"][0] == timedelta(days=366)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ("accounts: [{code: a, plans: [\n {plan: 5}]}]", "line 2: accountPlan.plan: must name one plan by its code"),
        ("accounts: [{code: a, plans: [\n {plan: ''}]}]", "line 2: accountPlan.plan: must name one plan by its code"),
        ("accounts: [{code: a,\n parentAccount: {x: 1}}]", "line 2: account.parentAccount: must name one account"),
        ("plans: [{code: p,\n planTemplate: {x: 1}}]", "line 2: plan.planTemplate: must name one planTemplate"),
        ("plans: [{code: p,\n planTemplate: [t]}]", "line 2: plan.planTemplate: must name one planTemplate"),
        (
            "commitments: [{\n account: {x: 1}}]",
            "line 2: commitment.account: must name one account by its code, a text",
        ),
        ("commitments: [{account: a,\n products: [5, [p]]}]", "line 2: commitment.products: must be a list of codes"),
        ("commitments: [{account: a,\n products: ['']}]", "line 2: commitment.products: must be a list of codes"),
        (
            "balances: [{account: a, code: b,\n products: p}]",
            "line 2: balance.products: must be a list of codes of products",
        ),
        ("accounts: [{code: a,\n plans: 5}]", "line 1: account a: its accountPlans must be a list"),
        ("plans: [{code: p,\n pricings: x}]", "line 1: plan p: its pricings must be a list"),
    ],
)
def test_a_reference_that_is_no_code_is_refused_before_the_play(lists: str, said: str) -> None:
    top = f"{lists}\nsteps: [{{bill: {{date: 2026-02-01}}}}]"
    created = f"steps: [{{create: {{{lists}}}}}]"
    for text in (top, created):
        with pytest.raises(ScenarioError) as caught:
            parse_story(load_yaml(text))
        assert str(caught.value).startswith(said)


def test_a_reference_that_is_no_code_is_refused_in_an_update_too() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_story(load_yaml("steps:\n  - update:\n      commitment: c\n      set: {\n        products: [5]}"))
    assert str(caught.value) == "line 5: commitment.products: must be a list of codes of products"


def test_a_plan_whose_template_is_null_gets_one_of_its_own() -> None:
    story = parse_story(load_yaml("plans: [{code: p, planTemplate: null}]\nsteps: [{bill: {date: 2026-02-01}}]"))
    assert [(document.kind, document.code) for document in story.documents if document.kind.startswith("plan")] == [
        ("planTemplate", "p"),
        ("plan", "p"),
    ]
