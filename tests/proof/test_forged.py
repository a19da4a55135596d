"""Nobody who has a genuine document and no key can make one of it that proves what does not stand in the log."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from projections.proof.merkle import root_of
from projections.proof.segments import record_leaf
from services.proof.documents import READER, BillExport, UnreadableError, read_document
from services.proof.head import TopicPartition
from services.proof.verdict import Verdict, proved_records
from services.proof.verifying import verify
from tests.proof.signed_log import LOG, SHARED, SIGNER, signed_log

SIGNED = signed_log()
GENUINE: dict[str, Any] = json.loads(SIGNED.export().model_dump_json(by_alias=True, exclude_none=True))
PLACES: dict[str, TopicPartition] = {"log": LOG, "catalog": SHARED}
#: Takes a document and some numbers that choose, and changes it. `IndexError` where there is nothing to choose from.
Change = Callable[[dict[str, Any], "Chosen"], None]


class Chosen:
    """Numbers that choose: each of what it is asked to choose from."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = iter(numbers)

    def number(self, below: int) -> int:
        return next(self._numbers, 0) % below if below > 0 else 0

    def of(self, some: list[Any]) -> Any:
        return some[self.number(len(some))]


def part(document: dict[str, Any], chosen: Chosen) -> dict[str, Any]:
    part: dict[str, Any] = document[chosen.of(["log", "catalog"])]
    return part


def a_list(document: dict[str, Any], chosen: Chosen) -> list[Any]:
    """Segments, records, hashes or lines."""
    proof = part(document, chosen)
    segment = chosen.of(proof["segments"])
    series: list[Any] = chosen.of(
        [proof["segments"], segment["records"], segment["hashes"], proof["hashes"], document["lines"]]
    )
    return series


def duplicate(document: dict[str, Any], chosen: Chosen) -> None:
    some = a_list(document, chosen)
    some.insert(chosen.number(len(some) + 1), deepcopy(chosen.of(some)))


def reorder(document: dict[str, Any], chosen: Chosen) -> None:
    some = a_list(document, chosen)
    some.insert(chosen.number(len(some)), some.pop(chosen.number(len(some))))


def exchange(document: dict[str, Any], chosen: Chosen) -> None:
    """An element of one list for one of another."""
    ours, theirs = a_list(document, chosen), a_list(document, chosen)
    here, there = chosen.number(len(ours)), chosen.number(len(theirs))
    ours[here], theirs[there] = theirs[there], ours[here]


def drop(document: dict[str, Any], chosen: Chosen) -> None:
    some = a_list(document, chosen)
    some.pop(chosen.number(len(some)))


def invented(record: dict[str, Any], offset: int) -> dict[str, Any]:
    """As good a record as one can make of another without a key: its leaf is that of its bytes."""
    value = record["value"] + " "
    return record | {"offset": offset, "value": value, "leaf": record_leaf(offset, value.encode()).hex()}


def invent_record(document: dict[str, Any], chosen: Chosen) -> None:
    """Another one beside a record, at its place."""
    records = chosen.of(part(document, chosen)["segments"])["records"]
    at = chosen.number(len(records))
    offset = max(records[at]["offset"] + chosen.number(3) - 1, 0)
    records.insert(at + chosen.number(2), invented(records[at], offset))


def invent_segment(document: dict[str, Any], chosen: Chosen) -> None:
    """A whole one whose records lead to its root, before or behind the one whose index it has."""
    segments = part(document, chosen)["segments"]
    at = chosen.number(len(segments))
    made = deepcopy(segments[at])
    made["records"] = [
        invented(record, max(record["offset"] - 1, 0)) | {"place": number}
        for number, record in enumerate(made["records"])
    ]
    root = root_of([bytes.fromhex(record["leaf"]) for record in made["records"]])
    made["segment"] |= {"records": len(made["records"]), "root": root.hex(), "start": 0}
    made["hashes"] = []
    if chosen.number(2):
        del segments[at]["records"][:-1]  # the genuine one is behind all that was invented, in the order of the log
    segments.insert(at + chosen.number(2), made)


def invent_line(document: dict[str, Any], chosen: Chosen) -> None:
    lines = document["lines"]
    at = chosen.number(len(lines))
    lines.insert(at + chosen.number(2), lines[at] | {"amount": "99999"})


def renumber(document: dict[str, Any], chosen: Chosen) -> None:
    """Another index, place, offset or beginning."""
    segment = chosen.of(part(document, chosen)["segments"])
    record = chosen.of(segment["records"])
    where, name = chosen.of([(segment, "index"), (record, "place"), (record, "offset"), (segment["segment"], "start")])
    where[name] = max(where[name] + chosen.number(3) - 1, 0)


CHANGES: list[Change] = [
    duplicate, reorder, exchange, drop, invent_record, invent_segment, invent_line, renumber,
]  # fmt: skip


def made_of(steps: list[tuple[Change, list[int]]]) -> BillExport | None:
    """What the steps make of the genuine document, as it is read from a file; None: it is refused there."""
    document = deepcopy(GENUINE)
    for change, numbers in steps:
        try:
            change(document, Chosen(numbers))
        except (IndexError, KeyError, TypeError, AttributeError):
            continue  # there is nothing left to choose from, or it is of another kind
    try:
        made = read_document(json.dumps(document).encode(), "bill.json")
    except UnreadableError:
        return None
    assert isinstance(made, BillExport)
    return made


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.lists(st.integers(0, 200), max_size=8)), max_size=4))
@example([(invent_segment, [1, 0, 0])])
@example([(invent_segment, [0, 0, 1])])
@example([(invent_record, [0, 1, 0, 2])])
@example([(duplicate, [0, 0, 0, 0, 0])])
def test_what_is_proved_stands_in_the_log(steps: list[tuple[Change, list[int]]]) -> None:
    made = made_of(steps)
    if made is None:
        return
    for name, where in PLACES.items():
        verdict = Verdict()
        proved = proved_records(verdict, getattr(made, name), where, SIGNER.key)
        assert (proved is None) is bool(verdict.wrong)
        records, there = proved.records if proved else [], dict(SIGNED.records[where])
        assert all(there.get(record.offset) == record.value for record in records)
        assert [record.offset for record in records] == sorted({record.offset for record in records})
    if not verify(made, SIGNER.key).wrong:
        assert made.lines == SIGNED.bill.lines and made.total == SIGNED.bill.total


@pytest.mark.parametrize("where", [0, 1])
def test_a_history_that_never_was_does_not_stand_beside_a_segment_of_its_index(where: int) -> None:
    """All of the invented history is one segment, under the index of a genuine one that is in the file with it."""
    document = deepcopy(GENUINE)
    invent_segment(document, Chosen([0, len(document["log"]["segments"]) - 1, 1, where]))
    verdict = verify(READER.validate_json(json.dumps(document)), SIGNER.key)
    assert "do not stand in ascending places, each once" in verdict.wrong[0]


def test_a_record_that_never_was_does_not_stand_beside_one_at_its_place() -> None:
    document = deepcopy(GENUINE)
    records = document["log"]["segments"][1]["records"]
    at = next(at for at in range(1, len(records)) if records[at]["offset"] - records[at - 1]["offset"] > 1)
    records.insert(at, invented(records[at], records[at]["offset"] - 1))
    verdict = verify(READER.validate_json(json.dumps(document)), SIGNER.key)
    assert "do not stand in ascending places, each once" in verdict.wrong[0]
