"""W3C `traceparent`: which records of a poll belong to a trace that their publisher samples. Unused while traces are
off.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple, Protocol

import msgspec

from projections.not_json import NOT_JSON

#: The name of the header; the attribute of CloudEvents' distributed tracing extension, in binary form, and in JSON.
HEADER, _EXTENSION, _MEMBER = "traceparent", "ce_traceparent", b'"traceparent"'
#: A well-formed and sampled `traceparent`. Versions after 00 may have more fields at the end.
_SAMPLED = re.compile(
    rb"(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]"
    rb"|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf](?:-.*)?)"
)


class ReadRecord(Protocol):
    """A record as it was read from Kafka."""

    @property
    def offset(self) -> int: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Traced(NamedTuple):
    """The records of a batch that are followed: `traceparent` by offset; and when the batch began, in ns of the wall
    clock.
    """

    contexts: Mapping[int, bytes] = MappingProxyType({})
    begun_ns: int = 0


#: The value for every batch while traces are off.
NOT_TRACED = Traced()


class _Structured(msgspec.Struct):
    traceparent: str


_structured = msgspec.json.Decoder(_Structured)


def is_sampled(traceparent: bytes) -> bool:
    """Whether the text is a valid `traceparent` of a trace that is sampled."""
    return _SAMPLED.fullmatch(traceparent) is not None


def traceparent_of(headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    """The `traceparent` in the headers of a record of ours; None if there is none, or it is not sampled."""
    for name, value in headers or ():
        if name == HEADER and value is not None and is_sampled(value):
            return value.decode()
    return None


def traced_usage(records: Iterable[ReadRecord]) -> dict[int, bytes]:
    """Offset -> `traceparent` of usage that is sampled. The attribute of the event counts before the transport's
    header.

    A malformed `traceparent` is ignored: no usage is refused for it.
    """
    contexts = {}
    for record in records:
        context = _of_event(record)
        if context is not None and is_sampled(context):
            contexts[record.offset] = context
    return contexts


def traced_records(records: Iterable[ReadRecord]) -> dict[int, bytes]:
    """Offset -> `traceparent` of sampled records of our own topics, which have it in a header."""
    headed = ((record.offset, traceparent_of(record.headers)) for record in records if record.headers)
    return {offset: context.encode() for offset, context in headed if context is not None}


def _of_event(record: ReadRecord) -> bytes | None:
    named = dict(record.headers) if record.headers else {}
    extension = named.get(_EXTENSION)
    if extension is None and record.value is not None and _MEMBER in record.value:
        with suppress(*NOT_JSON):
            extension = _structured.decode(record.value).traceparent.encode()
    return extension if extension is not None else named.get(HEADER)
