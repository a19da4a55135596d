"""Fast decode of `UsageRated`: a poll's records in one go, only the fields that plain sums are made of.

The pydantic fact in `events.facts.usage` is the definition; a test holds these structs equal to it. A record that does
not look the usual way (another member first, another schema version) goes through `events.codec` and comes out the
same.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from events.codec import UndecodableRecordError, decode
from events.decimals import plain
from events.envelope import Envelope
from events.facts.usage import UsageRated
from events.resources.base import moment_text

#: How `events.codec.encode` begins a UsageRated of the current schema version.
PREFIX = b'{"type":"UsageRated","schema":%d,' % UsageRated.schema_version


class RatedData(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What a plain sum and the ids seen need. `ts` and the numbers stay texts: most are summed up without more."""

    meter_id: str
    ts: str
    digest: str
    measure: dict[str, str] | None = None


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """An envelope around it; `time` is the usage's arrival."""

    source: str
    sequence: int
    account: str
    time: datetime
    data: RatedData


class Details(NamedTuple):
    """What the other aggregations need besides: numbers and texts by field code."""

    usage_id: str
    ts: datetime
    numbers: Mapping[str, Decimal]
    texts: Mapping[str, str]


class _Details(msgspec.Struct, rename="camel", frozen=True, gc=False):
    usage_id: str
    ts: datetime
    measure: dict[str, Decimal] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None


class _DetailedRecord(msgspec.Struct, frozen=True, gc=False):
    data: _Details


_RECORDS = msgspec.json.Decoder(list[RatedRecord])
_RECORD = msgspec.json.Decoder(RatedRecord)
_DETAILS = msgspec.json.Decoder(_DetailedRecord)


def decode_rated(values: Sequence[bytes]) -> tuple[list[RatedRecord], list[int]]:
    """The records of these values, in order, and the places of values that are none; all begin with PREFIX.

    A value of a stranger may hold two, or half of one, so that those beside it make one of both: then each is decoded
    by itself.
    """
    with suppress(msgspec.MsgspecError):
        together = _RECORDS.decode(b"[" + b",".join(values) + b"]")
        if len(together) == len(values):
            return together, []
    found, strange = [], []
    for place, value in enumerate(values):
        try:
            found.append(_RECORD.decode(value))
        except msgspec.MsgspecError:
            strange.append(place)
    return found, strange


def details_of(value: bytes) -> Details:
    """The rest of a usage record. Raises: UndecodableRecordError."""
    if not value.startswith(PREFIX):
        fact = _fact(decode(value))
        categories = (fact.who, fact.what, fact.where, fact.other, fact.metadata)
        return Details(fact.usage_id, fact.ts, fact.measure, joined(categories))
    try:
        data = _DETAILS.decode(value).data
    except msgspec.MsgspecError as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error
    texts = joined((data.who, data.what, data.where, data.other, data.metadata))
    return Details(data.usage_id, data.ts, data.measure or {}, texts)


def rated_of(envelope: Envelope) -> RatedRecord:
    """The same from a decoded envelope."""
    fact = _fact(envelope)
    assert envelope.account is not None
    measure = {code: plain(number) for code, number in fact.measure.items()}
    data = RatedData(fact.meter_id, moment_text(fact.ts), fact.digest, measure)
    return RatedRecord(envelope.source, envelope.sequence, envelope.account, envelope.time, data)


def _fact(envelope: Envelope) -> UsageRated:
    assert isinstance(envelope.data, UsageRated)
    return envelope.data


def joined(categories: Iterable[Mapping[str, str] | None]) -> dict[str, str]:
    """The fields of several categories in one; codes are unique within a meter, whatever their category."""
    return {code: text for category in categories if category for code, text in category.items()}
