"""Who did it, in the envelope: optional, bounded, and no reader's business that does not know of it."""

import json
from pathlib import Path

import pytest

from events.actors import ACTOR_LENGTH_MAX, CALLER_LENGTH_MAX, UNNAMED, caller, shown
from events.codec import UndecodableRecordError, decode, encode
from projections.usage import decode_rated

GOLDEN = Path(__file__).parent.parent / "golden"
#: As every record was before there were actors.
WITHOUT = json.loads((GOLDEN / "ProductCreated.json").read_text())


def test_a_record_from_before_has_no_actor_and_gets_none() -> None:
    envelope = decode(json.dumps(WITHOUT).encode())
    assert envelope.actor is None
    assert json.loads(encode(envelope)) == WITHOUT


def test_an_actor_is_kept() -> None:
    value = json.dumps(WITHOUT | {"actor": "USER_alice"}).encode()
    assert decode(value).actor == "USER_alice"
    assert json.loads(encode(decode(value)))["actor"] == "USER_alice"


def test_a_member_of_the_envelope_that_nobody_knows_is_passed_over() -> None:
    later = WITHOUT | {"witness": {"name": "carol"}}
    assert decode(json.dumps(later).encode()) == decode(json.dumps(WITHOUT).encode())


def test_the_fast_reader_of_usage_passes_over_the_actor() -> None:
    plain = json.dumps(json.loads((GOLDEN / "UsageRated.json").read_text()), separators=(",", ":")).encode()
    told = plain.replace(b',"data":', b',"actor":"somebody","data":', 1)
    assert told != plain
    assert decode_rated([told]) == decode_rated([plain])
    assert decode_rated([plain])[1] == []


@pytest.mark.parametrize("actor", ["", "a" * (ACTOR_LENGTH_MAX + 1), 7])
def test_an_actor_is_a_text_of_bounded_length(actor: object) -> None:
    with pytest.raises(UndecodableRecordError):
        decode(json.dumps(WITHOUT | {"actor": actor}).encode())


@pytest.mark.parametrize(
    ("name", "actor"),
    [
        ("alice", "USER_alice"),
        ("relay", "USER_relay"),
        ("a" * CALLER_LENGTH_MAX, "USER_" + "a" * CALLER_LENGTH_MAX),
        ("a" * (CALLER_LENGTH_MAX + 1), None),
        ("", None),
        ("two\nlines", None),
        ("nul\0", None),
    ],
)
def test_a_caller_is_never_taken_for_a_worker(name: str, actor: str | None) -> None:
    assert caller(name) == actor


def test_what_has_no_actor_reads_as_it_always_did() -> None:
    assert (shown(None), UNNAMED, shown("billing")) == ("USER_LOCAL", "USER_LOCAL", "billing")
