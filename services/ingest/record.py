"""`UsageRated` and `UsageRead` to bytes, without building the pydantic facts: the hot path of the whole product.

What does not change from one record to the next is written once (`fragments`); the rest is put between these parts. The
bytes are what `events.codec.encode` would write for the same fact, in the order of the models' members. A test holds
the two equal on generated facts, and the same for the id.
"""

from collections.abc import Sequence

import msgspec

from events.actors import INGEST
from events.codec import ForeignRecordError, decode_own, encode
from events.facts.usage import UsageRated, UsageRead
from events.origins import Origins
from events.topics import read_source, usage_source
from projections.usage.rated import PREFIX as USUAL_PREFIX
from services.ingest.event_ids import EventIds
from services.ingest.fragments import quoted
from services.ingest.validate import Usage
from services.kafka import Record

_encode = msgspec.json.Encoder().encode


class RatedData(msgspec.Struct, rename="camel", gc=False):
    """What ingest reads back of `events.facts.usage.UsageRated`; instants and numbers stay texts."""

    usage_id: str
    meter_id: str
    ts: str
    digest: str
    measure: dict[str, str] = {}
    who: dict[str, str] = {}
    what: dict[str, str] = {}
    where: dict[str, str] = {}
    other: dict[str, str] = {}
    metadata: dict[str, str] = {}


class RatedEnvelope(msgspec.Struct, gc=False):
    """What ingest reads back of the `events.envelope.Envelope` around it."""

    schema: int
    source: str
    sequence: int
    organization: str
    account: str
    data: RatedData


class MarkData(msgspec.Struct, gc=False):
    """`events.facts.usage.RecordMark` on the wire."""

    offset: int
    ms: int
    digest: str


class ReadData(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """`events.facts.usage.UsageRead` on the wire."""

    next_offset: int
    rated: int
    duplicate: int
    rejected: int
    rerouted: int
    mark: MarkData | None = None


class ReadEnvelope(msgspec.Struct, gc=False):
    """`events.envelope.Envelope` around a `UsageRead`."""

    type: str
    schema: int
    source: str
    sequence: int
    organization: str
    time: str
    id: str
    actor: str
    data: ReadData


#: How `events.codec.encode` begins a record of either kind, of any schema version: the type is the first member.
RATED_PREFIX = b'{"type":"UsageRated"'
READ_PREFIX = b'{"type":"UsageRead"'
_RATED = msgspec.json.Decoder(RatedEnvelope)
#: Accepted usage: its offset in `usage`, the text of its arrival, and its charges, each `charge_json` with the amount.
Rated = tuple[int, str, Usage, str]


def decode_rated(value: bytes, origins: Origins) -> RatedEnvelope:
    """The record of a value that begins with RATED_PREFIX; one of an older schema version comes through the codec.

    Raises: ForeignRecordError; UndecodableRecordError for one of ours that this program does not understand.
    """
    if not value.startswith(USUAL_PREFIX):
        return _RATED.decode(encode(decode_own(value, origins)))
    try:
        rated = _RATED.decode(value)
    except msgspec.MsgspecError:
        raise ForeignRecordError("it begins as usage does and is none") from None
    if not origins.own(rated.source):
        raise ForeignRecordError(f"its source {rated.source[:80]!r} is none of this system's")
    return rated


class RecordWriter:
    """Makes the records of one `usage` partition for its `billing.events` partition."""

    def __init__(self, generation: str, partition: int) -> None:
        self.usage_source = usage_source(generation, partition)
        self.read_source = read_source(generation, partition)
        self._usage_ids = EventIds(self.usage_source)
        self._read_ids = EventIds(self.read_source)
        schema, source = UsageRated.schema_version, quoted(self.usage_source)
        self._beginning = f'{{"type":"UsageRated","schema":{schema},"source":{source},"sequence":'

    def rated(self, accepted: Sequence[Rated], catalog_offset: int) -> list[Record]:
        """The `UsageRated` of accepted usage, in order. Bare: it runs once per record."""
        beginning, ending, records = self._beginning, f',"catalogOffset":{catalog_offset},"digest":"', []
        ids = self._usage_ids.texts([offset for offset, _, _, _ in accepted])
        for (offset, arrival, usage, charges), event_id in zip(accepted, ids, strict=True):
            lane = usage.lane
            ets = f',"ets":"{usage.ets_text}"' if usage.ets_text is not None else ""
            fields = f',"measure":{_encode(usage.numbers).decode()}' if usage.numbers else ""
            for category, texts in usage.texts.items():
                fields = f'{fields},"{category}":{quoted(texts)}'
            rated = f',"charges":[{charges}]' if charges else ""
            value = (
                f'{beginning}{offset}{lane.owner_json}{arrival}","id":"{event_id}",'
                f'"actor":"ingest","data":{{"usageId":{_encode(usage.usage_id).decode()}{usage.publisher.json}'
                f'{usage.ts_text}"{ets}{fields}{rated}{ending}{usage.digest.hex()}"}}}}'
            )
            records.append(Record(None, value.encode()))
        return records

    def read(self, time: str, counts: ReadData) -> bytes:
        """The value of `UsageRead` for a poll that ended before `counts.next_offset`; `time` is its newest arrival."""
        sequence = counts.next_offset
        return _encode(
            ReadEnvelope(
                "UsageRead",
                UsageRead.schema_version,
                self.read_source,
                sequence,
                "",
                time,
                self._read_ids.text(sequence),
                INGEST,
                counts,
            )
        )
