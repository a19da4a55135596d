"""What a newer version has put into the store is named as such, and may be asked for again elsewhere."""

import json
from typing import Any

import pytest

from events.codec import NewerRecordError, decode, encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from services.api.statuses import status_of
from services.failures import Passing
from services.store.rows import NewerEventError, NewerResourceError, envelope_of
from services.store.view import entity_of
from tests.store.kit import NOW

ACCOUNT = {"code": "acorn", "name": "Acorn", "emailAddress": "a@example.com"}
SAYS = 'CHANGELOG.md, "What needs what", names the release that it needs'


def event(**differs: Any) -> dict[str, Any]:
    row = {
        "position": 7, "organization": "org", "account": None, "type": "ClockTicked", "schema_version": 1, "time": NOW,
        "correlation": None, "causation": None, "actor": None, "data": json.dumps({"now": NOW.isoformat()}),
    }  # fmt: skip
    return row | differs


def resource(body: dict[str, Any], kind: str = "account") -> dict[str, Any]:
    unused = ("version", "position", "folded", "created", "modified", "created_by", "modified_by")
    return dict.fromkeys(unused) | {"kind": kind, "id": "one", "body": json.dumps(body), "extra": "{}"}


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({"schema_version": 2}, "ClockTicked has schema version 2, this program knows up to 1"),
        ({"type": "MoonRisen"}, "unknown fact type 'MoonRisen'"),
    ],
)
def test_an_event_of_a_newer_version_is_named_with_what_it_needs(differs: dict[str, Any], why: str) -> None:
    assert envelope_of(event(), "here").data == ClockTicked(now=NOW)
    with pytest.raises(NewerEventError) as refused:
        envelope_of(event(**differs), "here")
    assert str(refused.value) == f"event 7 of the store is of a newer version of Trueup: {why}; {SAYS}"
    assert isinstance(refused.value, Passing) and status_of(refused.value) == 503


def test_a_record_of_a_newer_version_is_told_from_a_broken_one() -> None:
    record = encode(seal(ClockTicked(now=NOW), source="clock/here", sequence=1, organization="", time=NOW))
    with pytest.raises(NewerRecordError, match=SAYS) as refused:
        decode(record.replace(b'"schema":1', b'"schema":2'))
    assert status_of(refused.value) == 503


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (resource(ACCOUNT | {"nickname": "Ac"}), "account one .*: nickname is not a field of this resource"),
        (resource({}, kind="moon"), "moon one .*: nothing of this kind is known to it"),
    ],
)
def test_a_resource_of_a_newer_version_is_not_half_understood(row: dict[str, Any], why: str) -> None:
    with pytest.raises(NewerResourceError, match=why.replace(".*", ".* a newer version .*")) as refused:
        entity_of(row)
    assert status_of(refused.value) == 503
