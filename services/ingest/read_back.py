"""What ingest reads back of the log when it begins: `UsageRated` without building the pydantic facts."""

import msgspec

from events.codec import ForeignRecordError, decode_own, encode
from events.sources import Origins
from projections.usage import PREFIX as USUAL_PREFIX

#: How `events.codec.encode` begins a record of either kind, of any schema version: the type is the first member.
RATED_PREFIX = b'{"type":"UsageRated"'
READ_PREFIX = b'{"type":"UsageRead"'


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


_RATED = msgspec.json.Decoder(RatedEnvelope)


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
