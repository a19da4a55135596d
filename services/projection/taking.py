"""Decodes a poll's records into this system's own facts and usage; strangers' records are passed over and noted.

The sequence rule is applied here, so a record that was appended twice is applied once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeVar

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.facts.resources import AccountCreated
from events.facts.usage import RecordMark, UsageRated, UsageRead
from events.sources import Origins
from events.topics import EVENTS
from projections.readmodels.positions import Position
from projections.usage import PREFIX, RatedRecord, decode_rated, rated_of
from services.kafka import FetchedRecord, Polled, mark_of

T = TypeVar("T")


class BrokenLogError(Exception):
    """The log is impossible: its records go back, or a fact is about an account that was never created."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A poll's own records that the sequence rule lets through, with their log offsets.

    `stopped` says why the poll was taken only up to a record that this program does not understand.
    """

    #: Offset, LogAppendTime in ms, envelope and bytes of each.
    facts: Sequence[tuple[int, int, Envelope, bytes]] = ()
    usage: Sequence[RatedRecord] = ()
    #: Log offset of each record of `usage`.
    offsets: Sequence[int] = ()
    #: The bytes of the poll by log offset.
    value_at: Callable[[int], bytes] = b"".__getitem__  # type: ignore[assignment]
    #: Strangers' records: log offset and reason.
    foreign: Sequence[tuple[int, str]] = ()
    #: The number of records taken, including strangers'.
    records: int = 0
    stopped: str | None = None

    def accounts(self) -> set[str]:
        """Accounts whose families must be in memory before this is applied."""
        wanted = {record.account for record in self.usage}
        for _, _, envelope, _ in self.facts:
            if isinstance(envelope.data, AccountCreated):
                wanted.add(envelope.data.root_id)
            elif envelope.account is not None and not isinstance(envelope.data, UsageRead):
                wanted.add(envelope.account)
        created = {fact.id for *_, envelope, _ in self.facts if isinstance(fact := envelope.data, AccountCreated)}
        return wanted - created


def take(position: Position, polled: Polled, origins: Origins, topic: str = EVENTS) -> Decoded:
    """Decode a poll of one partition of `billing.events`, whose name there is `topic`, and move the position past it.

    Raises: BrokenLogError if the poll does not follow the position.
    """
    records, next_offset = polled.records, polled.next_offset
    if not records:
        position.pass_over(next_offset)
        return Decoded()
    if records[0].offset < position.next_offset:
        raise BrokenLogError(
            f"{topic}/{position.partition}: offset {records[0].offset} came where {position.next_offset} was due"
        )
    values = [record.value or b"" for record in records]
    indexes = [index for index, value in enumerate(values) if not value.startswith(PREFIX)]
    others = _take_others(position, records, indexes, origins, topic)
    if others.stop is not None:
        next_offset = records[others.stop].offset
        records, values = records[: others.stop], values[: others.stop]
        indexes = [index for index in indexes if index < others.stop]
    usage = _take_usage(position, records, values, indexes, others.odd, origins)
    position.pass_over(next_offset, _mark(records[-1]) if records else None)
    return Decoded(
        facts=others.facts,
        usage=usage.records,
        offsets=usage.offsets,
        value_at=_by_offset(records, values),
        foreign=[*others.foreign, *usage.foreign],
        records=len(records),
        stopped=others.why,
    )


def _mark(record: FetchedRecord) -> RecordMark:
    mark = mark_of(record)
    return RecordMark(offset=mark.offset, ms=mark.ms, digest=mark.digest.hex())


def _by_offset(records: Sequence[FetchedRecord], values: Sequence[bytes]) -> Callable[[int], bytes]:
    """Offsets nearly always follow each other; only the end of a transaction takes an offset without a record."""
    if records and records[-1].offset - (base := records[0].offset) == len(values) - 1:
        return lambda offset: values[offset - base]
    return {record.offset: value for record, value in zip(records, values, strict=True)}.__getitem__


class _Others(NamedTuple):
    """All of a poll but usage in its usual form, up to a record that is not understood: `stop` is its index, `why` the
    reason.
    """

    facts: list[tuple[int, int, Envelope, bytes]]
    #: Usage in another form, with its offset.
    odd: list[tuple[int, RatedRecord]]
    foreign: list[tuple[int, str]]
    stop: int | None = None
    why: str | None = None


def _take_others(
    position: Position, records: Sequence[FetchedRecord], indexes: Sequence[int], origins: Origins, topic: str
) -> _Others:
    """The records at these indexes, decoded one by one."""
    others = _Others([], [], [])
    for index in indexes:
        record = records[index]
        try:
            envelope = decode_own(record.value, origins)
        except ForeignRecordError as error:
            others.foreign.append((record.offset, str(error)))
            continue
        except UndecodableRecordError as error:
            why = f"{topic}/{position.partition} at offset {record.offset}: {error}"
            return others._replace(stop=index, why=why)
        if isinstance(envelope.data, UsageRated):
            others.odd.append((record.offset, rated_of(envelope)))
        elif position.sequences.accepts(envelope.source, envelope.sequence):
            others.facts.append((record.offset, record.timestamp, envelope, record.value))
    return others


class _Usage(NamedTuple):
    """Usage with its log offsets, and strangers' records that look like usage."""

    records: list[RatedRecord]
    offsets: list[int]
    foreign: list[tuple[int, str]]


def _take_usage(
    position: Position,
    records: Sequence[FetchedRecord],
    values: list[bytes],
    others: Sequence[int],
    odd: Sequence[tuple[int, RatedRecord]],
    origins: Origins,
) -> _Usage:
    """Usage in its usual form, at the indexes outside `others`, decoded a poll at a time; and `odd`, usage in another
    form.
    """
    if others:
        records, values = _without(records, others), _without(values, others)
    usage, strange = decode_rated(values)
    foreign = [(records[index].offset, "it begins as usage does and is none") for index in strange]
    if strange:
        records = _without(records, strange)
    offsets = [record.offset for record in records]
    usage += [record for _, record in odd]
    offsets += [offset for offset, _ in odd]
    return _accept(position, _Usage(usage, offsets, foreign), origins)


def _without(items: Sequence[T], indexes: Sequence[int]) -> list[T]:
    """The items without those at these ascending indexes."""
    left = list(items)
    for index in reversed(indexes):
        del left[index]
    return left


def _accept(position: Position, polled: _Usage, origins: Origins) -> _Usage:
    """The usage that is this system's own and new. Nearly always all of it is, and from one source: then it is not
    checked one by one.
    """
    usage = polled.records
    if not usage:
        return polled
    sources = {record.source for record in usage}
    strange = {source for source in sources if not origins.own(source)}
    one_source = not strange and len(sources) == 1
    if one_source and position.sequences.accepts_all(usage[0].source, [record.sequence for record in usage]):
        return polled
    foreign, offsets, accepted = [*polled.foreign], list[int](), list[RatedRecord]()
    for offset, record in sorted(zip(polled.offsets, usage, strict=True), key=itemgetter(0)):
        if record.source in strange:
            foreign.append((offset, f"its source {record.source[:80]!r} is none of this system's"))
        elif position.sequences.accepts(record.source, record.sequence):
            offsets.append(offset)
            accepted.append(record)
    return _Usage(accepted, offsets, foreign)
