"""What a refused record says of itself, as far as it can be told, and by what it is known again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.elsewhere import rejected
from services.refusals.refusal import Reason, Refused
from services.refusals.rejected_record import id_of, row_of
from tests.refusals.kit import Came

EVENT = {"organization": "org", "subject": "acme", "id": "u-1"}


def refused(value: bytes, key: bytes | None = b"k", headers: Any = (), offset: int = 7, rule: str = "no") -> Any:
    """The record of usage.rejected that ingest makes of one that came."""
    why = Refused(Reason.UNKNOWN_METER, rule)
    made = rejected(Came(key, value, headers, offset), 3, why, 1_700_000_000_000, 8 * 1024 * 1024)
    return Came(made.key, made.value, made.headers, 11, 1_700_000_001_000)


def test_a_row_says_whose_it_is_why_and_when() -> None:
    row = row_of(refused(json.dumps(EVENT).encode()), 3)
    assert row is not None
    assert (row.organization, row.account, row.usage_id) == ("org", "acme", "u-1")
    assert (row.reason, row.rule, row.cut) == ("unknown-meter", "no", False)
    assert (row.partition, row.log_offset) == (3, 11)
    assert (row.arrived.isoformat(), row.refused.isoformat()) == (
        "2023-11-14T22:13:20+00:00",
        "2023-11-14T22:13:21+00:00",
    )


def test_what_is_no_json_is_its_keys() -> None:
    row = row_of(refused(b"\xffnonsense", key=b"org/acme"), 3)
    assert row is not None and (row.organization, row.account, row.usage_id) == ("org", "acme", None)


def test_in_binary_mode_headers_tell() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_organization", b"org"), ("ce_subject", b"acme"), ("ce_id", b"u\0")]
    row = row_of(refused(b"{}", headers=headers), 3)
    assert row is not None and (row.organization, row.account, row.usage_id) == ("org", "acme", "u\ufffd")


@pytest.mark.parametrize(
    "value", [b"nonsense", b'{"organization": 7}', b'{"organization": "a\nb"}', b'{"organization": "%s"}' % (b"x" * 81)]
)
def test_what_is_nobodys_is_on_no_list(value: bytes) -> None:
    assert row_of(refused(value), 3) is None


def test_a_strangers_record_is_on_no_list() -> None:
    assert row_of(Came(b"org/acme", json.dumps(EVENT).encode(), [("trueup-rule", b"x")], 1), 3) is None


def test_a_record_is_known_again_by_what_came_and_by_nothing_else() -> None:
    value = json.dumps(EVENT).encode()
    ids = {id_of(refused(value, offset=offset, rule=rule)) for offset, rule in ((7, "no"), (8, "no"), (9, "yes"))}
    assert len(ids) == 1
    others = [refused(value + b" "), refused(value, b"j"), refused(value, headers=[("a", b"")]), refused(value, None)]
    assert len(ids | {id_of(other) for other in others}) == 5


@given(st.binary(max_size=60), st.one_of(st.none(), st.binary(max_size=20)))
def test_whatever_came_has_a_row_that_postgres_takes_or_none(value: bytes, key: bytes | None) -> None:
    row = row_of(refused(value, key=key), 3)
    assert row is None or not any("\0" in text for text in row if isinstance(text, str))
