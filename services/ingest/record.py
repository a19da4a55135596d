"""`UsageRated` and `UsageRead` to bytes, without building the pydantic facts: the hot path of the whole product.

msgspec writes what `events.codec.encode` would write for the same fact, byte for byte, at five times the speed. A test
holds the two equal on generated facts, and the same for the id. The member order below is that of the models.
"""

from collections.abc import Sequence
from hashlib import sha1

import msgspec

from events.codec import UndecodableRecordError, decode, encode
from events.envelope import NAMESPACE
from events.facts.usage import UsageRated, UsageRead
from events.topics import read_source, usage_source
from services.ingest.validate import Usage


class Charge(msgspec.Struct, rename="camel", omit_defaults=True, gc=False, frozen=True):
    """`events.facts.usage.RatedCharge` on the wire."""

    aggregation_id: str
    pricing_id: str
    account_plan_id: str
    segment: str = ""
    amount: str = ""


class RatedData(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """`events.facts.usage.UsageRated` on the wire; instants and numbers are texts already."""

    usage_id: str
    usage_source: str
    meter_id: str
    ts: str
    ets: str | None = None
    measure: dict[str, str] = {}
    who: dict[str, str] = {}
    what: dict[str, str] = {}
    where: dict[str, str] = {}
    other: dict[str, str] = {}
    metadata: dict[str, str] = {}
    charges: Sequence[Charge] = ()
    # Always given, so never left out: the defaults are there because a Struct wants required fields first.
    catalog_offset: int = -1
    digest: str = ""


class RatedEnvelope(msgspec.Struct, gc=False):
    """`events.envelope.Envelope` around a `UsageRated`; usage from the log is read back into it, too."""

    type: str
    schema: int
    source: str
    sequence: int
    organization: str
    account: str
    time: str
    id: str
    data: RatedData


class ReadData(msgspec.Struct, rename="camel", gc=False):
    """`events.facts.usage.UsageRead` on the wire."""

    next_offset: int
    rated: int
    duplicate: int
    rejected: int
    rerouted: int


class ReadEnvelope(msgspec.Struct, gc=False):
    """`events.envelope.Envelope` around a `UsageRead`."""

    type: str
    schema: int
    source: str
    sequence: int
    organization: str
    time: str
    id: str
    data: ReadData


#: How `events.codec.encode` begins a record of either kind: the type is the first member.
RATED_PREFIX = b'{"type":"UsageRated"'
READ_PREFIX = b'{"type":"UsageRead"'
_ENCODE = msgspec.json.Encoder().encode
_RATED = msgspec.json.Decoder(RatedEnvelope)
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def decode_rated(value: bytes) -> RatedEnvelope:
    """The record of a value that begins with RATED_PREFIX; one of an older schema version comes through the codec.

    Raises: UndecodableRecordError.
    """
    try:
        rated = _RATED.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error
    return rated if rated.schema == UsageRated.schema_version else _RATED.decode(encode(decode(value)))


class EventIds:
    """`events.envelope.event_id` of one source as text; the hash of the part that does not change is kept."""

    def __init__(self, source: str) -> None:
        self._prefix = sha1(NAMESPACE.bytes + f"{source}/".encode(), usedforsecurity=False)

    def text(self, sequence: int) -> str:
        """The id of the record with this sequence, as uuid5 gives it: version 5 and RFC 4122's variant set by hand."""
        digest = self._prefix.copy()
        digest.update(b"%d" % sequence)
        text = digest.hexdigest()
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


class RecordWriter:
    """Makes the records of one `usage` partition for its `billing.events` partition."""

    def __init__(self, generation: str, partition: int) -> None:
        self.usage_source = usage_source(generation, partition)
        self.read_source = read_source(generation, partition)
        self._usage_ids = EventIds(self.usage_source)
        self._read_ids = EventIds(self.read_source)

    def rated(self, usage: Usage, offset: int, arrival: str, charges: Sequence[Charge], catalog_offset: int) -> bytes:
        """The value of `UsageRated` for the usage record at `offset`."""
        data = usage.data
        fact = RatedData(
            usage.usage_id,
            usage.source,
            usage.meter.id,
            usage.ts_text,
            usage.ets_text,
            usage.numbers,
            data.who,
            data.what,
            data.where,
            data.other,
            data.metadata,
            charges or (),
            catalog_offset,
            usage.digest.hex(),
        )
        return _ENCODE(
            RatedEnvelope(
                "UsageRated",
                UsageRated.schema_version,
                self.usage_source,
                offset,
                usage.organization,
                usage.account.id,
                arrival,
                self._usage_ids.text(offset),
                fact,
            )
        )

    def read(self, time: str, counts: ReadData) -> bytes:
        """The value of `UsageRead` for a poll that ended before `counts.next_offset`."""
        sequence = counts.next_offset
        return _ENCODE(
            ReadEnvelope(
                "UsageRead",
                UsageRead.schema_version,
                self.read_source,
                sequence,
                "",
                time,
                self._read_ids.text(sequence),
                counts,
            )
        )
