"""A name that stands twice is refused on Kafka as it is over HTTP, however it is written, and nothing else is."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import batch
from services.ingest.batch import PollOutcome
from tests.ingest.bench import Bench
from tests.ingest.world import World

WORLD = World("org", 1)
EVENT = WORLD.usage("a", data={"who": {"user": "u"}, "income": {"income": 2.5}, "ets": "2026-01-15T13:00:00Z"})
#: Where a member stands in EVENT, with its place taken by it and a second one of the same name.
TWICE = [
    (b'"tokens": 10', b'"tokens": 10, "tokens": 1'),
    (b'"tokens": 10', b'"tokens": 10, "tokens": 10'),
    (b'"tokens": 10', rb'"tokens": 10, "\u0074okens": 1'),
    (b'"user": "u"', b'"user": "v", "user": "u"'),
    (b'"user": "u"', rb'"us\u0065r": "v", "user": "u"'),
    (b'"meter": "llm"', b'"meter": "other", "meter": "llm"'),
    (b'"measure": {', b'"measure": {}, "measure": {'),
    (b'"measure": {', rb'"\u006deasure": {"tokens": 7}, "measure": {'),
    (b'"who": {', b'"who": {"user": "x"}, "who": {'),
    (b'"income": {', b'"income": {"income": 1}, "income": {'),
    (b'"ets": ', b'"ets": null, "ets": '),
    (b'"data": {', b'"data": {"meter": "llm", "measure": {"tokens": 1}}, "data": {'),
    (b'"id": "a"', b'"id": "b", "id": "a"'),
    (b'"id": "a"', rb'"\u0069d": "b", "id": "a"'),
    (b'"id": "a"', b'"id": "a", "traceparent": "x", "traceparent": "y"'),
    (b'"id": "a"', b'"id": "a", "extension": {"n": 1, "n": 2}'),
    (b'"id": "a"', b'"id": "a", "extension": [{"n": 1, "n": 2}]'),
    (b'"id": "a"', b'"id": "a", "extension": 1e999, "n": 1, "n": 2'),
    (b'"id": "a"', rb'"id": "a", "extension": "\"", "n": 1, "n": 2'),
]
#: As TWICE, with names that stand once: attributes nobody looks at, quotation marks in texts, one name in two objects.
ONCE = [
    (b'"id": "a"', b'"id": "a", "traceparent": "00-ab-cd-01", "sequence": "1"'),
    (b'"id": "a"', b'"id": "a", "extension": {"id": 1, "n": [{"n": 1}, {"n": 2}]}'),
    (b'"id": "a"', b'"id": "a", "extension": 1e999'),
    (b'"id": "a"', b'"id": "a", "extension": ' + b"9" * 5000),
    (b'"id": "a"', rb'"id": "\"a\""'),
    (b'"id": "a"', rb'"id": "\\"'),
    (b'"user": "u"', rb'"user": "\"user\": \"u\", \"user\": \"v\""'),
    (b'"user": "u"', rb'"user": "\u0022"'),
    (b'"user": "u"', rb'"\u0075ser": "\u00fc"'),
    (b'"ets": ', b'"what": {}, "cost": {}, "ets": '),
    (b'"id": "a"', b'"id": "a", "datacontenttype": "application/json"'),
    (b'"id": "a"', b'"id": "a", "datacontenttype": null'),
]


def reasons(outcome: PollOutcome) -> list[str]:
    found = [dict(record.headers)["trueup-reason"] for record in outcome.rejected]
    return [reason.decode() for reason in found if reason is not None]


def replaced(change: tuple[bytes, bytes], value: bytes = EVENT) -> bytes:
    assert value.count(change[0]) == 1
    return value.replace(*change)


@pytest.mark.parametrize("change", TWICE, ids=[str(after) for _, after in TWICE])
def test_a_name_that_stands_twice_is_refused_and_its_neighbours_are_rated(change: tuple[bytes, bytes]) -> None:
    outcome = Bench().take(WORLD.usage("before"), replaced(change), WORLD.usage("after"))
    assert (reasons(outcome), outcome.counts.rated) == (["repeated-name"], 2)
    assert outcome.rejected[0].value == replaced(change)


@pytest.mark.parametrize("change", ONCE, ids=[str(after)[:60] for _, after in ONCE])
def test_what_stands_once_is_rated(change: tuple[bytes, bytes]) -> None:
    outcome = Bench().take(WORLD.usage("before"), replaced(change), WORLD.usage("after"))
    assert (reasons(outcome), outcome.counts.rated) == ([], 3)


def test_the_rule_names_the_name() -> None:
    rejected = Bench().take(replaced((b'"tokens": 10', rb'"tokens": 10, "\u0074okens": 1'))).rejected[0]
    assert dict(rejected.headers)["trueup-rule"] == b"'tokens' must be given once"


def test_a_refused_record_is_not_remembered() -> None:
    bench = Bench()
    bench.take(WORLD.usage("a").replace(b'"tokens": 10', b'"tokens": 1, "tokens": 2'))
    assert bench.take(WORLD.usage("a", tokens=2)).counts.rated == 1


@pytest.mark.parametrize("change", [*TWICE[:10], *ONCE[6:10]], ids=lambda change: str(change[1])[:60])
def test_binary_mode_is_judged_alike(change: tuple[bytes, bytes]) -> None:
    event: dict[str, Any] = json.loads(EVENT)
    data = replaced(change, json.dumps(event.pop("data")).encode())
    headers = [("content-type", b"application/json"), *((f"ce_{name}", text.encode()) for name, text in event.items())]
    outcome = Bench().take(data, headers=headers)
    assert reasons(outcome) == (["repeated-name"] if change in TWICE else [])


def test_ordinary_records_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """In either mode, with any map, also an empty one; only an attribute that is not looked at costs a second look."""
    parsed: list[bytes] = []
    monkeypatch.setattr(batch, "check_names", parsed.append)
    outcome = Bench().take(
        WORLD.usage("a"),
        WORLD.usage("b", datacontenttype="application/json"),
        WORLD.usage("c", data={"who": {"user": "ü"}, "where": {"region": "eu"}, "metadata": {}, "what": {}}),
        WORLD.usage("d", data={"income": {"income": 1}, "cost": {}, "ets": "2026-01-15T12:00:00Z"}),
        EVENT.replace(b'"a"', b'"e"'),
    )
    assert (outcome.counts.rated, parsed) == (5, [])
    event = WORLD.event("f")
    data = json.dumps(event.pop("data")).encode()
    headers = [("content-type", b"application/json"), *((f"ce_{name}", text.encode()) for name, text in event.items())]
    assert (Bench().take(data, headers=headers).counts.rated, parsed) == (1, [])
    Bench().take(WORLD.usage("a", traceparent="x"), WORLD.usage("b"))
    assert parsed == [WORLD.usage("a", traceparent="x")]


def written(value: Any, choose: random.Random, repeated: list[bool]) -> str:
    """JSON of a document, with white space and escapes at will, and now and then a member twice."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=choose.random() < 0.5)
    members = list(value.items())
    if members and choose.random() < 0.05:
        members.append(choose.choice(members))
        repeated.append(True)
    parts = [
        f"{name_of(name, choose)}{' ' * choose.randrange(2)}: {written(one, choose, repeated)}" for name, one in members
    ]
    return "{" + ", ".join(parts) + "}"


def name_of(name: str, choose: random.Random) -> str:
    escaped = (f"\\u{ord(letter):04x}" if choose.random() < 0.1 else letter for letter in name)
    return '"' + "".join(escaped) + '"'


@given(st.integers(0, 2**32), st.dictionaries(st.sampled_from("uvw"), st.text(max_size=5), max_size=2))
def test_a_record_is_refused_if_and_only_if_a_name_stands_twice(seed: int, extensions: dict[str, str]) -> None:
    choose, values, expected = random.Random(seed), list[bytes](), list[str]()
    for number in range(20):
        user = choose.choice(["", "u", '"', "\\", "ü", '"user": "'])
        event = WORLD.event(f"{number}", data={"who": {"user": user}}, **extensions)
        repeated: list[bool] = []
        values.append(written(event, choose, repeated).encode(errors="replace"))
        if repeated:
            expected.append("repeated-name")
    assert reasons(Bench().take(*values)) == expected
