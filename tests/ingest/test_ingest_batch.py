"""Ingest without servers: what is accepted, what is refused and why, what is seen again, what is rated."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import decode
from events.facts.usage import RecordMark, UsageRated, UsageRead
from events.topics import RECORD_BYTES_LEAST
from services.ingest.batch import PollOutcome
from services.ingest.elsewhere import rejected, size_of
from services.kafka import Record, digest_of
from services.refusals.refusal import Reason, Refused
from tests.ingest.bench import GENERATION, RECORD_BYTES, Bench, a_record
from tests.ingest.world import NOW, World


def rated(outcome: PollOutcome) -> list[UsageRated]:
    facts = [decode(record.value or b"").data for record in outcome.records]
    return [fact for fact in facts if isinstance(fact, UsageRated)]


def header(record: Any, name: str) -> str:
    return next(value.decode() for key, value in record.headers if key == name)


def reasons(outcome: PollOutcome) -> list[str]:
    return [header(record, "trueup-reason") for record in outcome.rejected]


WORLD = World("org", 1)
REFUSED: list[tuple[str, bytes | None, str]] = [
    ("no value", None, "not-json"),
    ("no JSON", b"hello", "not-json"),
    ("NaN", WORLD.usage("a").replace(b"10}", b"NaN}"), "not-json"),
    ("Infinity", WORLD.usage("a").replace(b"10}", b"-Infinity}"), "not-json"),
    ("not UTF-8", WORLD.usage("a").replace(b"acme", b"\xff\xfe"), "not-json"),
    ("a list", b"[1]", "not-a-cloud-event"),
    ("nesting", b"[" * 100_000, "not-a-cloud-event"),
    ("two events in one", WORLD.usage("a") + b"," + WORLD.usage("b"), "not-json"),
    ("another version", WORLD.usage("a", specversion="0.3"), "not-a-cloud-event"),
    ("another type", WORLD.usage("a", type="other"), "wrong-event-type"),
    ("no data", b'{"specversion":"1.0","id":"a"}', "not-a-cloud-event"),
    ("other content type", WORLD.usage("a", datacontenttype="text/xml"), "not-a-cloud-event"),
    ("no time", WORLD.usage("a").replace(b'"time"', b'"when"'), "bad-time"),
    ("bad time", WORLD.usage("a", time="yesterday"), "bad-time"),
    ("naive time", WORLD.usage("a", time="2026-01-15T12:00:00"), "bad-time"),
    ("year 1", WORLD.usage("a", time="0001-01-01T00:00:00+14:00"), "bad-time"),
    ("future", WORLD.usage("a", time=(NOW + timedelta(days=1, seconds=1)).isoformat()), "too-far-in-future"),
    ("ets before time", WORLD.usage("a", data={"ets": "2026-01-15T11:00:00Z"}), "bad-time"),
    ("organization", WORLD.usage("a", organization="nobody"), "unknown-organization"),
    ("account", WORLD.usage("a", subject="nobody"), "unknown-account"),
    ("meter", WORLD.usage("a", data={"meter": "none"}), "unknown-meter"),
    ("field", WORLD.usage("a", data={"measure": {"what": 1}}), "unknown-field"),
    ("member", WORLD.usage("a", data={"extra": 1}), "unknown-field"),
    ("text field", WORLD.usage("a", data={"who": {"nobody": "x"}}), "unknown-field"),
    ("text as measure", WORLD.usage("a", tokens="10"), "wrong-type"),
    ("bool as measure", WORLD.usage("a", tokens=True), "wrong-type"),
    ("null as measure", WORLD.usage("a", tokens=None), "wrong-type"),
    ("number in WHO", WORLD.usage("a", data={"who": {"user": 1}}), "wrong-type"),
    ("WHO under measure", WORLD.usage("a", data={"measure": {"user": 1}}), "wrong-type"),
    ("too many digits", WORLD.usage("a", tokens=10**18), "bad-number"),
    ("huge exponent", WORLD.usage("a").replace(b"10}", b"1e999999999}"), "bad-number"),
    ("long id", WORLD.usage("i" * 257), "too-long"),
    ("empty id", WORLD.usage(""), "too-long"),
    ("NUL", WORLD.usage("a\0b"), "bad-text"),
    ("metadata", WORLD.usage("a", data={"metadata": {"note": "x" * 257}}), "too-long"),
    ("oversized", WORLD.usage("a", data={"who": {"user": "x" * 600_000}}), "oversized"),
]


@pytest.mark.parametrize(("value", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_wrong_is_refused_by_name_and_the_next_record_is_rated(value: bytes | None, reason: str) -> None:
    bench = Bench()
    outcome = bench.take(value, WORLD.usage("good"))
    assert reasons(outcome) == [reason]
    assert [fact.usage_id for fact in rated(outcome)] == ["good"]
    kept = outcome.rejected[0]
    assert kept.value == (value or b"")
    assert header(kept, "trueup-rule") and header(kept, "trueup-offset") == "0" and header(kept, "trueup-arrival")


def test_a_record_too_large_to_keep_is_cut_and_says_so() -> None:
    [kept] = Bench().take(b"x" * 9_000_000).rejected
    assert len(kept.value or b"") == RECORD_BYTES // 2
    assert header(kept, "trueup-cut").startswith("9000000 bytes, sha256 ")


@pytest.mark.parametrize("size", [1, 100, 500, 3_000])
def test_whatever_is_refused_fits_what_a_record_may_have(size: int) -> None:
    """Key and headers as well as the value, each of so many kilobytes."""
    headers = [("é" * 500, b"v" * (size * 500)), *(("", None) for _ in range(size * 10))]
    record = replace(a_record(b"x" * size * 1000, 0, headers), key=b"k" * size * 1000)
    kept = rejected(record, 0, Refused(Reason.NOT_JSON, "é" * 2000), 0, RECORD_BYTES_LEAST)
    batch = BatchBuilder(RECORD_BYTES_LEAST, 0)
    batch.append(timestamp=None, key=kept.key, value=kept.value, headers=list(kept.headers))
    assert len(batch._build()) <= RECORD_BYTES_LEAST
    if size_of(record) <= RECORD_BYTES_LEAST // 2:
        assert (kept.key, kept.value) == (record.key, record.value) and [*kept.headers][: len(headers)] == headers


def test_usage_without_a_plan_or_without_the_field_is_kept_without_charges() -> None:
    facts = rated(Bench(World("org", 1, covered=False)).take(WORLD.usage("a")))
    assert len(facts) == 1 and not facts[0].charges
    other = rated(Bench().take(WORLD.usage("a", data={"measure": {}, "who": {"user": "u"}})))
    assert other[0].who == {"user": "u"} and not other[0].charges


def test_numbers_keep_their_digits() -> None:
    value = WORLD.usage("a").replace(b"10}", b"123456789012345678.123456789012345678}")
    assert rated(Bench().take(value))[0].measure == {"tokens": Decimal("123456789012345678.123456789012345678")}
    assert (
        rated(Bench().take(WORLD.usage("a").replace(b"10}", b"1.50}")))[0].measure["tokens"].as_tuple().exponent == -2
    )


def test_binary_mode_reads_the_attributes_from_headers() -> None:
    event = WORLD.event("a")
    data = json.dumps(event.pop("data")).encode()
    headers = [("content-type", b"application/json"), *((f"ce_{name}", text.encode()) for name, text in event.items())]
    assert rated(Bench().take(data, headers=headers))[0].usage_id == "a"
    assert reasons(Bench().take(data, headers=headers[:-2] + headers[-1:])) == ["bad-time"]
    assert reasons(Bench().take(data, headers=[("content-type", b"text/xml"), *headers[1:]])) == ["not-a-cloud-event"]
    assert reasons(Bench().take(data, headers=[*headers, ("ce_id", b"b")])) == ["not-a-cloud-event"]
    assert reasons(Bench().take(data, headers=[*headers[1:], ("ce_data", b"x")])) == []


def test_the_same_id_again_is_dropped_if_it_says_the_same_and_refused_if_not() -> None:
    bench = Bench()
    bench.take(WORLD.usage("a", tokens=1.0, time="2026-01-15T12:00:00Z"))
    same = WORLD.usage("a").replace(b"10}", b"1.000}").replace(b"12:00:00Z", b"13:00:00+01:00")
    outcome = bench.take(same, WORLD.usage("a", tokens=2), WORLD.usage("b"), WORLD.usage("b"))
    assert (outcome.counts.duplicate, reasons(outcome), outcome.counts.rated) == (2, ["id-conflict"], 1)
    assert bench.take(WORLD.usage("a", source="other", tokens=2)).counts.rated == 1
    assert bench.take(WORLD.usage("a", code="acme-1", tokens=2)).counts.rated == 1


def test_a_refused_id_is_not_remembered() -> None:
    bench = Bench()
    assert reasons(bench.take(WORLD.usage("a", data={"meter": "none"}))) == ["unknown-meter"]
    assert bench.take(WORLD.usage("a")).counts.rated == 1


def test_a_record_in_the_wrong_partition_is_carried_to_the_right_one_with_its_arrival() -> None:
    world = World("org", 7, accounts=20)
    bench = Bench(world)
    code = next(code for code in world.codes if world.partition(code) == 5)
    outcome = bench.take(world.usage("a", code))
    carried = outcome.rerouted[5][0]
    assert carried.value == world.usage("a", code) and outcome.counts.rerouted == 1
    assert header(carried, "trueup-arrival") == str(int(NOW.timestamp() * 1000))


def test_arrival_is_carried_but_never_believed_blindly() -> None:
    ms = int(NOW.timestamp() * 1000)
    for given_ms, arrival in [(ms - 5000, ms - 5000), (ms + 1, ms), (ms - 41 * 86_400_000, ms), (-1, ms)]:
        outcome = Bench().take(WORLD.usage("a"), headers=[("trueup-arrival", b"%d" % given_ms)])
        assert decode(outcome.records[0].value or b"").time == datetime.fromtimestamp(arrival / 1000, UTC)


def test_every_poll_ends_with_what_became_of_it() -> None:
    outcome = Bench().take(WORLD.usage("a"), WORLD.usage("a"), b"?")
    fact = decode(outcome.records[-1].value or b"")
    mark = RecordMark(offset=2, ms=int(NOW.timestamp() * 1000), digest=digest_of(None, b"?").hex())
    assert fact.data == UsageRead(next_offset=3, rated=1, duplicate=1, rejected=1, rerouted=0, mark=mark)
    assert fact.source == f"read/{GENERATION}/0" and fact.sequence == 3


@given(
    st.lists(st.decimals(-50, 200, places=2).filter(lambda number: number.is_finite()), min_size=1, max_size=20),
    st.lists(st.integers(1, 6), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_charges_sum_to_the_price_of_the_total_however_polls_are_cut(amounts: list[Decimal], cuts: list[int]) -> None:
    values = [WORLD.usage(str(place)).replace(b"10}", f"{amount}}}".encode()) for place, amount in enumerate(amounts)]
    bench, facts = Bench(), []
    for cut in _cuts(values, cuts):
        facts += rated(bench.take(*cut))
    total = sum(amounts, Decimal(0))
    expected = total * Decimal("0.01") if total <= 100 else 6 + (total - 100) * Decimal("0.005")
    assert sum((charge.amount for fact in facts for charge in fact.charges), Decimal(0)) == expected


@given(st.lists(st.tuples(st.integers(0, 89), st.integers(-30, 150)), min_size=1, max_size=30), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_every_billing_period_is_a_charge_of_its_own(usage: list[tuple[int, int]], cut: int) -> None:
    first = datetime(2025, 10, 1, 10, tzinfo=UTC)
    moments = [(first + timedelta(days=day), tokens) for day, tokens in usage]
    values = [WORLD.usage(str(n), tokens=tokens, time=at.isoformat()) for n, (at, tokens) in enumerate(moments)]
    bench, facts = Bench(), []
    for start in range(0, len(values), cut):
        facts += rated(bench.take(*values[start : start + cut]))
    expected = Decimal(0)
    for month in (10, 11, 12):
        total = sum(tokens for at, tokens in moments if at.month == month)
        expected += total * Decimal("0.01") if total <= 100 else 6 + (total - 100) * Decimal("0.005")
    assert sum((charge.amount for fact in facts for charge in fact.charges), Decimal(0)) == expected


def _cuts(values: list[bytes], lengths: Iterable[int]) -> Iterable[list[bytes]]:
    rest = values
    for length in lengths:
        if rest[:length]:
            yield rest[:length]
        rest = rest[length:]
    if rest:
        yield rest


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), max_size=40), st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_what_is_folded_from_the_log_judges_like_what_was_in_memory(ids: list[tuple[int, int]], cut: int) -> None:
    values = [WORLD.usage(f"id-{number}", tokens=tokens) for number, tokens in ids]
    living, log = Bench(), list[Record]()
    for start in range(0, len(values), cut):
        log += living.take(*values[start : start + cut]).records
    again = Bench()
    if log:
        folded = [a_record(record.value, place) for place, record in enumerate(log)]
        again.state.fold(folded, again.catalogs)
    assert again.state.next_usage == living.state.next_usage == len(values)
    assert len(again.state.seen) == len(living.state.seen)
    again.offset = living.offset
    probe = [WORLD.usage(f"id-{number}", tokens=2) for number in range(12)]
    assert [r.value for r in again.take(*probe).records] == [r.value for r in living.take(*probe).records]
