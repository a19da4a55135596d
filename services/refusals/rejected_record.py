"""A record of `usage.rejected` as a row of the list: its organization, the codes in it, and the reason."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from events.dates import from_ms
from events.resources.base import CODE_MAX
from events.topics import ARRIVAL_HEADER, CUT_HEADER, HEADER_PREFIX, HELD_HEADER, REASON_HEADER, RULE_HEADER
from projections.not_json import NOT_JSON
from services.kafka import FetchedRecord

_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_ID_BYTES = 16
#: The longest id of an organization, code of an account and id of usage, and a little more for invalid ones.
_ORGANIZATION_MAX, _USAGE_ID_MAX = 80, 256
#: One more than an account's code may have, so that a shortened text is never a valid code.
_ACCOUNT_MAX = CODE_MAX + 1
Headers = Sequence[tuple[str, bytes | None]]


class Row(NamedTuple):
    """A row of `store.refused_usage`, in the order of its insertion; `arrived` is the arrival of the last refused
    copy.
    """

    organization: str
    id: str
    account: str | None
    meter: str | None
    usage_id: str | None
    reason: str
    rule: str
    cut: bool
    arrived: datetime
    refused: datetime
    partition: int
    log_offset: int
    held_until: datetime | None


class _Said(msgspec.Struct):
    """The parts of an event that name its owner; their types are not checked, because the event is invalid anyway."""

    organization: object = None
    subject: object = None
    id: object = None


class _Data(msgspec.Struct):
    """The parts of `data`, which is the whole value of an event with its attributes in headers."""

    meter: object = None


class _Whole(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Said).decode
_decode_data, _decode_whole = msgspec.json.Decoder(_Data).decode, msgspec.json.Decoder(_Whole).decode


def as_it_came(headers: Headers) -> Headers:
    """The original headers, without those that Trueup added."""
    return [(name, value) for name, value in headers if not name.startswith(HEADER_PREFIX)]


def id_of(record: FetchedRecord) -> str:
    """An id that is the same for equal key, value and headers."""
    content = blake2b(digest_size=_ID_BYTES)
    for part in (record.key, record.value, *(part for pair in as_it_came(record.headers) for part in pair)):
        octets = part.encode() if isinstance(part, str) else part
        content.update(b"-" if octets is None else b"%d:" % len(octets) + octets)
    return content.hexdigest()


def row_of(record: FetchedRecord, partition: int) -> Row | None:
    """The row of a record; None for a stranger's, and for one without a recognisable organization."""
    headers = {name: value or b"" for name, value in record.headers}
    if REASON_HEADER not in headers:
        return None
    said = _said(record.value or b"", headers)
    of_key, _, code_of_key = _parts_of_key(record.key)
    organization = _organization(said, record.key)
    if organization is None:
        return None
    arrival, until = headers.get(ARRIVAL_HEADER, b""), headers.get(HELD_HEADER, b"")
    return Row(
        organization=organization,
        id=id_of(record),
        account=_name(code_of_key if said.subject is None and of_key == organization else said.subject),
        meter=_name(_meter(record.value or b"", headers)),
        usage_id=_name(said.id, _USAGE_ID_MAX),
        reason=_text(headers[REASON_HEADER]),
        rule=_text(headers.get(RULE_HEADER, b"")),
        cut=CUT_HEADER in headers,
        arrived=from_ms(int(arrival)) if arrival.isdigit() and len(arrival) < 15 else from_ms(record.timestamp),
        refused=from_ms(record.timestamp),
        partition=partition,
        log_offset=record.offset,
        held_until=_held_until(until),
    )


def _held_until(ms: bytes) -> datetime | None:
    if not ms.isdigit() or len(ms) >= 15:
        return None
    return min(from_ms(int(ms)), _LATEST)


def organization_of(key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> str | None:
    """Which organization's a refused record is, as far as it tells."""
    return _organization(_said(value or b"", headers), key)


def _organization(said: _Said, key: bytes | None) -> str | None:
    named: object = said.organization
    if not isinstance(named, str):
        of_key, slash, _ = _parts_of_key(key)
        named = of_key if slash else ""
    # Never a shortened id, which could be another organization's.
    return named if 0 < len(named) <= _ORGANIZATION_MAX and named.isprintable() else None


def _parts_of_key(key: bytes | None) -> tuple[str, str, str]:
    return (key or b"").decode(errors="replace").partition("/")


def _said(value: bytes, headers: Mapping[str, bytes]) -> _Said:
    attributes = (f"ce_{name}" for name in ("organization", "subject", "id"))
    if "ce_specversion" in headers:
        return _Said(*(_text(headers[name]) if name in headers else None for name in attributes))
    try:
        return _decode(value)
    except NOT_JSON:
        return _Said()


def _meter(value: bytes, headers: Mapping[str, bytes]) -> object:
    try:
        return (_decode_data(value) if "ce_specversion" in headers else _decode_whole(value).data).meter
    except NOT_JSON:
        return None


def _name(said: object, most: int = _ACCOUNT_MAX) -> str | None:
    """The beginning of a value that should be a text."""
    return said[:most].replace("\0", "\ufffd") if isinstance(said, str) and said else None


def _text(octets: bytes) -> str:
    return octets.decode(errors="replace").replace("\0", "\ufffd")
