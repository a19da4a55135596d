"""Fast decode of `UsageRated`: a poll's records in one go, only the fields that totals are made of.

The pydantic fact in `events.facts.usage` is the definition; a test holds these structs equal to it. A record that does
not look the usual way (another member first, another schema version) goes through `events.codec` and comes out the
same.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from events.codec import UndecodableRecordError, decode
from events.envelope import Envelope
from events.facts.usage import UsageRated

#: How `events.codec.encode` begins a UsageRated: its type is the first member.
PREFIX = b'{"type":"UsageRated"'


class RatedData(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The part of `UsageRated` that totals and the ids seen are made of."""

    usage_id: str
    meter_id: str
    ts: datetime
    digest: str
    measure: dict[str, Decimal] = {}
    who: dict[str, str] = {}
    what: dict[str, str] = {}
    where: dict[str, str] = {}
    other: dict[str, str] = {}
    metadata: dict[str, str] = {}

    def texts(self) -> dict[str, str]:
        """Its fields of the text categories by code; codes are unique within a meter."""
        return {**self.who, **self.what, **self.where, **self.other, **self.metadata}


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """An envelope around it; `time` is the usage's arrival."""

    type: str
    schema: int
    source: str
    sequence: int
    organization: str
    account: str
    time: datetime
    data: RatedData


_DECODER = msgspec.json.Decoder(list[RatedRecord])


def decode_rated(values: Sequence[bytes]) -> list[RatedRecord]:
    """The records of these values, in order; every value must begin with PREFIX.

    Raises: UndecodableRecordError.
    """
    try:
        records = _DECODER.decode(b"[" + b",".join(values) + b"]")
    except msgspec.MsgspecError as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error
    if any(record.schema != UsageRated.schema_version for record in records):
        return [rated_of(decode(value)) for value in values]
    return records


def rated_of(envelope: Envelope) -> RatedRecord:
    """The same from a decoded envelope."""
    fact = envelope.data
    assert isinstance(fact, UsageRated) and envelope.account is not None
    return RatedRecord(
        envelope.type,
        envelope.schema_version,
        envelope.source,
        envelope.sequence,
        envelope.organization,
        envelope.account,
        envelope.time,
        RatedData(
            fact.usage_id,
            fact.meter_id,
            fact.ts,
            fact.digest,
            fact.measure,
            fact.who,
            fact.what,
            fact.where,
            fact.other,
            fact.metadata,
        ),
    )
