"""`UsageRated` and `UsageRead` to bytes, without building the pydantic facts: the hot path of the whole product.

Members that many records share are written once (`json_text`). The bytes equal those of `events.codec.encode` for the
same fact, in the order of the models' members. A test holds them equal on generated facts, and ids as well.
"""

from collections.abc import Sequence
from hashlib import sha1

import msgspec
import numpy as np

from events.envelope import NAMESPACE
from events.facts.usage import UsageRated, UsageRead
from events.sources import read_source, usage_source
from services.ingest.json_text import members, quoted
from services.ingest.validate import Usage
from services.kafka import Record

_encode = msgspec.json.Encoder().encode


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
    data: ReadData


#: Accepted usage: its offset in `usage`, the text of its arrival, the usage, and its charges in the form of
#: `Rater.rate`.
Rated = tuple[int, str, Usage, str]


class RecordWriter:
    """Makes the records of one `usage` partition for its `billing.events` partition."""

    def __init__(self, generation: str, partition: int) -> None:
        self.usage_source = usage_source(generation, partition)
        self.read_source = read_source(generation, partition)
        self._usage_ids = EventIds(self.usage_source)
        self._read_ids = EventIds(self.read_source)
        source = members({"source": self.usage_source})
        self._members = f'"type":"UsageRated","schema":{UsageRated.schema_version},{source}'

    def rated(self, accepted: Sequence[Rated], catalog_offset: int) -> list[Record]:
        """The `UsageRated` of accepted usage, in order. It runs once per record, so it makes as few calls as
        possible.
        """
        kind, catalog, records = self._members, f'"catalogOffset":{catalog_offset}', []
        ids = self._usage_ids.texts([offset for offset, _, _, _ in accepted])
        for (offset, arrival, usage, charges), event_id in zip(accepted, ids, strict=True):
            optional = "" if usage.ets_text is None else f'"ets":"{usage.ets_text}",'
            if usage.numbers:
                optional = f'{optional}"measure":{quoted(usage.numbers)},'
            for category, texts in usage.texts.items():
                optional = f'{optional}"{category}":{quoted(texts)},'
            if charges:
                optional = f'{optional}"charges":[{charges}],'
            data = (
                f'{{"usageId":{quoted(usage.usage_id)},{usage.publisher.members},"ts":"{usage.ts_text}",'
                f'{optional}{catalog},"digest":"{usage.digest.hex()}"}}'
            )
            whose = usage.lane.members
            value = f'{{{kind},"sequence":{offset},{whose},"time":"{arrival}","id":"{event_id}","data":{data}}}'
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
                counts,
            )
        )


#: The two hexadecimal characters of each byte, as one number with the same bytes in memory.
_HEXADECIMAL = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
#: A UUID of version 5 has the first 16 bytes of a SHA-1.
_SHA1_BYTES, _UUID_BYTES, _TEXT_LENGTH = 20, 16, 36
#: Ranges `[start, end)` of hexadecimal characters of an id, and their places between the hyphens of its text.
_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))


class EventIds:
    """Ids of one source as texts; the hash of the constant part is kept."""

    def __init__(self, source: str) -> None:
        self._prefix = sha1(NAMESPACE.bytes + f"{source}/".encode(), usedforsecurity=False)

    def text(self, sequence: int) -> str:
        """The id of the record with this sequence."""
        return self.texts([sequence])[0]

    def texts(self, sequences: Sequence[int]) -> list[str]:
        """The ids of the records with these sequences: hashed one by one, converted to text all at once."""
        if not sequences:
            return []
        hashes = []
        for sequence in sequences:
            digest = self._prefix.copy()
            digest.update(b"%d" % sequence)
            hashes.append(digest.digest())
        octets = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, _SHA1_BYTES)[:, :_UUID_BYTES].copy()
        octets[:, 6] = octets[:, 6] & 0x0F | 0x50  # version 5
        octets[:, 8] = octets[:, 8] & 0x3F | 0x80  # the variant of RFC 9562
        characters = _HEXADECIMAL[octets].view(np.uint8)
        spelt = np.full((len(hashes), _TEXT_LENGTH), ord("-"), dtype=np.uint8)
        for start, end, begin in _GROUPS:
            spelt[:, begin : begin + end - start] = characters[:, start:end]
        texts = spelt.tobytes().decode("ascii")
        return [texts[begin : begin + _TEXT_LENGTH] for begin in range(0, len(texts), _TEXT_LENGTH)]
