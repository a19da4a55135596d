"""Measurements are read as m3ter's shape has them, refused item by item, and become what any publisher would write."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.measurement import ITEMS_MAX, Measurement
from services.api.measurement_bodies import Item, read_items
from services.api.measurements import SOURCE, placed, stem_of
from services.api.statuses import RefusedItemsError
from services.commands.bodies import parse_model
from services.commands.refused import InvalidBody, InvalidField
from services.ingest.batch import quotation_marks
from services.ingest.cloudevent import decode

GOOD = {"account": "acme", "meter": "api", "ts": "2026-01-01T00:00:00Z", "uid": "u-1", "measure": {"calls": 3}}
RULES: list[tuple[dict[str, Any], str]] = [
    ({"account": None}, "account: is required"),
    ({"account": ""}, "account: must have at least 1 character"),
    ({"account": "a" * 81}, "account: must have at most 80 characters"),
    ({"account": " a"}, "account: must have no control or invisible characters and no white space at its edges"),
    ({"account": "a\0"}, "account: must have no control or invisible characters and no white space at its edges"),
    ({"account": 7}, "account: must be text"),
    ({"meter": None}, "meter: is required"),
    ({"meter": "m" * 81}, "meter: must have at most 80 characters"),
    ({"ts": None}, "ts: is required"),
    ({"ts": 1767225600}, "ts: must be text"),
    ({"ts": "yesterday"}, "ts: must be an RFC 3339 date-time; one without an offset is UTC"),
    ({"ts": "2026-01-01"}, "ts: must be an RFC 3339 date-time; one without an offset is UTC"),
    ({"ts": "2026-02-30T00:00:00Z"}, "ts: must be an RFC 3339 date-time; one without an offset is UTC"),
    ({"ets": "x"}, "ets: must be an RFC 3339 date-time; one without an offset is UTC"),
    ({"uid": ""}, "uid: must have at least 1 character"),
    ({"uid": "u" * 51}, "uid: must have at most 50 characters"),
    ({"source": "s" * 257}, "source: must have at most 256 characters"),
    ({"measure": {"calls": "3"}}, "measure.calls: must be a number"),
    ({"measure": {"calls": True}}, "measure.calls: must be a number"),
    ({"measure": {"calls": None}}, "measure.calls: must be a number"),
    ({"measure": {"calls": 10**18}}, "measure.calls: must have at most 18 whole digits"),
    ({"measure": {"calls": 1e18}}, "measure.calls: must have at most 18 whole digits"),
    ({"cost": {"usd": []}}, "cost.usd: "),
    ({"income": [1]}, "income: must be an object"),
    ({"who": {"user": 7}}, "who.user: must be text"),
    ({"metadata": {"note": "n" * 257}}, "metadata.note: must have at most 256 characters"),
    ({"where": {"n" * 201: "x"}}, "where."),
    ({"other": {str(place): "x" for place in range(101)}}, "other: must have at most 100 items"),
    ({"colour": "red"}, "colour: is not a field of this resource"),
    ({"colour": None}, "colour: is not a field of this resource"),
]


def body(*items: Any) -> bytes:
    return json.dumps({"measurements": list(items)}).encode()


def refusals(raw: bytes) -> list[dict[str, Any]]:
    with pytest.raises(RefusedItemsError) as caught:
        read_items(raw)
    return caught.value.refused


@pytest.mark.parametrize(("change", "rule"), RULES, ids=[rule for _, rule in RULES])
def test_a_wrong_item_is_named_by_index_field_and_rule(change: dict[str, Any], rule: str) -> None:
    [refused] = refusals(body(GOOD, GOOD | change))
    assert refused["index"] == 1
    assert refused["message"].startswith(rule)


def test_every_wrong_item_is_named_and_the_message_tells_of_the_first() -> None:
    items = [GOOD | ({"ts": "x"} if place % 2 else {}) for place in range(20)]
    with pytest.raises(RefusedItemsError) as caught:
        read_items(body(*items))
    assert [one["index"] for one in caught.value.refused] == list(range(1, 20, 2))
    assert str(caught.value).startswith("measurements[1]: ts: must be an RFC 3339 date-time")
    assert str(caught.value).endswith("; and 5 more")


def test_an_item_with_several_faults_names_them_all() -> None:
    [refused] = refusals(body({"meter": "", "ts": "2026-01-01T00:00:00Z"}))
    assert "account: is required" in refused["message"] and "meter: must have at least 1" in refused["message"]


@pytest.mark.parametrize("count", [0, ITEMS_MAX + 1])
def test_a_body_has_one_to_a_thousand_items(count: int) -> None:
    with pytest.raises(InvalidField, match="measurements: must have 1 to 1000 items"):
        read_items(body(*[GOOD] * count))
    assert len(read_items(body(*[GOOD] * ITEMS_MAX))) == ITEMS_MAX


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b'{"measurements": 7}',
        b'{"measurements": [{}], "more": 1}',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_what_is_no_list_of_items_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidField, match="body: must be JSON"):
        read_items(raw)


def test_a_name_that_stands_twice_is_refused_wherever_it_stands() -> None:
    item = json.dumps(GOOD)
    twice = item.replace('"calls": 3', '"calls": 3, "calls": 4')
    assert refusals(f'{{"measurements": [{item}, {twice}]}}'.encode()) == [
        {"index": 1, "message": "'calls' must be given once"}
    ]
    with pytest.raises(InvalidField, match="'measurements' must be given once"):
        read_items(f'{{"measurements": [{item}], "measurements": [{item}]}}'.encode())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.5", "2026-01-01T00:00:00.5Z"),
        ("2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00+02:00"),
    ],
)
def test_a_time_of_no_zone_is_utc(written: str, read: str) -> None:
    [item] = read_items(body(GOOD | {"ts": written, "ets": written}))
    assert (item.ts, item.ets) == (read, read)


def events_of(items: list[Item], key: str | None = None) -> list[Any]:
    [part] = placed(items, "org", {"acme": 5}, stem_of("org", key)).values()
    assert part.indexes == list(range(len(items)))
    assert {record.key for record in part.records} == {b"org/acme"}
    return [decode(record.value or b"", ()) for record in part.records]


def test_a_number_arrives_digit_by_digit() -> None:
    numbers = "0.1000000000000000055511151231257827, 1e-7, -0.0, -123456789012345678, 1.50"
    fields = ", ".join(f'"f{place}": {number}' for place, number in enumerate(numbers.split(", ")))
    raw = body(GOOD).replace(b'{"calls": 3}', f"{{{fields}}}".encode())
    [event] = events_of(read_items(raw))
    assert list(event.data.measure.values()) == [
        ("0.1000000000000000055511151231257827",), ("1e-7",), ("-0.0",), -123456789012345678, ("1.50",),
    ]  # fmt: skip


def test_every_field_goes_where_a_cloudevent_has_it() -> None:
    maps = {"who": {"a": "1"}, "what": {"b": "2"}, "where": {"c": "3"}, "other": {"d": "4"}, "metadata": {"e": "5"}}
    numbers = {"cost": {"f": 1}, "income": {"g": 2}}
    [event] = events_of(read_items(body(GOOD | maps | numbers | {"ets": "2026-01-01T01:00:00Z", "source": "/gate"})))
    assert (event.id, event.source, event.subject, event.organization) == ("u-1", "/gate", "acme", "org")
    assert (event.time, event.data.ets, event.data.meter) == (GOOD["ts"], "2026-01-01T01:00:00Z", "api")
    assert {name: getattr(event.data, name) for name in (*maps, *numbers)} == maps | numbers


def test_an_item_says_nothing_of_what_it_lacks_and_is_read_without_a_second_look() -> None:
    [part] = placed(read_items(body(GOOD)), "org", {"acme": 5}, "stem").values()
    event = decode(part.records[0].value or b"", ())
    assert event.source == SOURCE
    # What ingest counts for an event with one measure: then it need not look for names that stand twice.
    assert quotation_marks([part.records[0].value or b""]) == 2 * (event.strings_at_least + 2)


def test_ids_that_a_client_does_not_give_follow_from_its_key_and_the_place_alone() -> None:
    nameless = [{name: value for name, value in GOOD.items() if name != "uid"}] * 3
    first, again = (events_of(read_items(body(*nameless)), "key") for _ in range(2))
    assert [event.id for event in first] == [event.id for event in again]
    others = [event.id for key in ("other", None, None) for event in events_of(read_items(body(*nameless)), key)]
    assert len({*others, *(event.id for event in first)}) == 12
    assert all(len(id) <= 50 for id in others)


TEXTS = st.text('aé\0\u200b" ', max_size=90)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01", "n" * 256, "n" * 257]),
    st.dictionaries(TEXTS, st.one_of(st.integers(), TEXTS, st.booleans()), max_size=2),
    st.lists(st.integers(), max_size=1),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*Item.__struct_fields__, "colour"]), VALUES, max_size=4))
def test_what_is_read_fast_and_what_the_document_declares_are_the_same(change: dict[str, Any]) -> None:
    document = json.loads(json.dumps(GOOD | change), parse_float=Decimal)
    try:
        parse_model(Measurement, document)
        if "colour" in change:  # a null of an unknown name is a mistake, too
            raise InvalidBody(problems="colour")
    except InvalidBody:
        assert refusals(body(GOOD | change))[0]["index"] == 0
    else:
        assert len(read_items(body(GOOD | change))) == 1


def test_the_struct_and_the_model_have_the_same_members() -> None:
    assert set(Item.__struct_fields__) == set(Measurement.model_fields)
