"""Usage of some accounts in a range of the log, without decoding that of other accounts."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing, suppress
from typing import NamedTuple

from events.codec import ForeignRecordError, decode_own
from events.facts.usage import UsageRated
from events.sources import LastSequences, Origins
from events.topics import EVENTS
from projections.usage import PREFIX, RatedRecord, decode_rated, rated_of
from services.kafka import POLL_RECORDS, FetchedRecord, LogReader
from services.sight.traceparent import traceparent_of

#: Up to this many accounts, the bytes are searched for their ids before decoding.
_FEW = 8
_NAME = b'"UsageRated"'


class Logged(NamedTuple):
    """A usage record in the log with its offset and bytes, and its publisher's `traceparent` if it was traced."""

    offset: int
    record: RatedRecord
    value: bytes
    traceparent: str | None = None


async def usage_between(
    reader: LogReader,
    partition: int,
    start: int,
    end: int,
    accounts: Collection[str],
    origins: Origins,
    *,
    max_records: int = POLL_RECORDS,
) -> AsyncGenerator[list[Logged], None]:
    """The accounts' usage at offsets `[start, end)`, each record once, in order; at most `max_records` are read at a
    time.

    Correct if nothing before `start` is needed: of a record that was appended twice, the first copy is then read first,
    and the sequence rule drops the second.
    """
    sequences, wanted = LastSequences(), frozenset(accounts)
    marks = [account.encode() for account in wanted] if len(wanted) <= _FEW else []
    # Closed with this generator: a reader reads one range at a time.
    async with aclosing(reader.read(EVENTS, partition, start, end, max_records=max_records)) as polls:
        async for records in polls:
            logged = [
                usage
                for usage in _decoded(records, marks, origins)
                if usage.record.account in wanted and sequences.accepts(usage.record.source, usage.record.sequence)
            ]
            if logged:
                yield logged


def _decoded(records: Sequence[FetchedRecord], marks: Sequence[bytes], origins: Origins) -> list[Logged]:
    """This system's own usage, in order."""
    usual, unusual = [], []
    for record in records:
        value = record.value or b""
        if marks and not any(mark in value for mark in marks):
            continue
        if value.startswith(PREFIX):
            usual.append(record)
        elif _NAME in value:
            unusual.append(record)
    rated, strange = decode_rated([record.value for record in usual]) if usual else ([], [])
    if strange:
        passed_over = frozenset(strange)
        usual = [record for index, record in enumerate(usual) if index not in passed_over]
    usage_records = [
        Logged(record.offset, rated_record, record.value, traceparent_of(record.headers))
        for record, rated_record in zip(usual, rated, strict=True)
        if origins.own(rated_record.source)
    ]
    for record in unusual:
        with suppress(ForeignRecordError):
            envelope = decode_own(record.value, origins)
            if isinstance(envelope.data, UsageRated):
                traceparent = traceparent_of(record.headers)
                usage_records.append(Logged(record.offset, rated_of(envelope), record.value, traceparent))
    return sorted(usage_records, key=lambda logged: logged.offset) if unusual else usage_records
