"""A poll's records as this system's own facts and usage: what is a stranger's is passed over, and noted.

The sequence rule is applied here, so what comes out is applied once, whatever was appended twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.facts.resources import AccountCreated
from events.facts.usage import RecordMark, UsageRated, UsageRead
from events.sources import Origins
from projections.readmodels.positions import Position
from projections.usage import PREFIX, RatedRecord, decode_rated, rated_of
from services.kafka import FetchedRecord, Polled, mark_of


class BrokenLogError(Exception):
    """The log is not what a log can be: records that go back, or a fact about an account that was never created."""


@dataclass(slots=True)
class Decoded:
    """A poll's records that are ours and that the sequence rule lets through, with their log offsets.

    `stopped` says why the poll was taken only up to some record: one that this program does not understand.
    """

    facts: list[tuple[int, int, Envelope, bytes]] = field(default_factory=list)
    usage: list[RatedRecord] = field(default_factory=list)
    #: Log offset of each record of `usage`.
    offsets: Sequence[int] = ()
    #: The bytes of the poll by log offset.
    value_at: Callable[[int], bytes] = b"".__getitem__  # type: ignore[assignment]
    #: Records that are none of ours: log offset and why.
    foreign: list[tuple[int, str]] = field(default_factory=list)
    #: Usage in another form than the usual one, with its offset.
    odd: list[tuple[int, RatedRecord]] = field(default_factory=list)
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
        made = {fact.id for *_, envelope, _ in self.facts if isinstance(fact := envelope.data, AccountCreated)}
        return wanted - made


def take(position: Position, polled: Polled, origins: Origins) -> Decoded:
    """Decode what a poll brought of one partition and move the position over it.

    Raises: BrokenLogError if it does not follow the position.
    """
    records, decoded = polled.records, Decoded()
    if not records:
        position.next_offset = max(position.next_offset, polled.next_offset)
        return decoded
    if records[0].offset < position.next_offset:
        raise BrokenLogError(
            f"partition {position.partition}: offset {records[0].offset} came where {position.next_offset} was due"
        )
    values = [record.value or b"" for record in records]
    places = [place for place, value in enumerate(values) if not value.startswith(PREFIX)]
    stop = _take_others(decoded, position, records, places, origins)
    if stop is not None:
        records, values = records[:stop], values[:stop]
        places = [place for place in places if place < stop]
    _take_usage(decoded, position, records, values, places, origins)
    decoded.records = len(records)
    if records:
        last = mark_of(records[-1])
        position.mark = RecordMark(offset=last.offset, ms=last.ms, digest=last.digest.hex())
        decoded.value_at = _by_offset(records, values)
    position.next_offset = polled.next_offset if stop is None else polled.records[stop].offset
    return decoded


def _by_offset(records: Sequence[FetchedRecord], values: Sequence[bytes]) -> Callable[[int], bytes]:
    """Offsets nearly always follow each other; the end of a stranger's transaction takes one without a record."""
    base = records[0].offset
    if records[-1].offset - base == len(values) - 1:
        return lambda offset: values[offset - base]
    return {record.offset: value for record, value in zip(records, values, strict=True)}.__getitem__


def _take_others(
    decoded: Decoded, position: Position, records: Sequence[FetchedRecord], places: Sequence[int], origins: Origins
) -> int | None:
    """What is not usage in the usual form; returns the place of the first record that is not understood."""
    for place in places:
        record = records[place]
        try:
            envelope = decode_own(record.value, origins)
        except ForeignRecordError as error:
            decoded.foreign.append((record.offset, str(error)))
            continue
        except UndecodableRecordError as error:
            decoded.stopped = f"billing.events/{position.partition} at offset {record.offset}: {error}"
            return place
        if isinstance(envelope.data, UsageRated):
            decoded.odd.append((record.offset, rated_of(envelope)))
        elif position.sequences.accepts(envelope.source, envelope.sequence):
            decoded.facts.append((record.offset, record.timestamp, envelope, record.value))
    return None


def _take_usage(
    decoded: Decoded,
    position: Position,
    records: Sequence[FetchedRecord],
    values: list[bytes],
    others: Sequence[int],
    origins: Origins,
) -> None:
    """Usage in the usual form, all of a poll at once, and what of it was in another form."""
    usual, offsets = values, [record.offset for record in records]
    if others:
        usual = values.copy()
        for place in reversed(others):
            del usual[place], offsets[place]
    usage, strange = decode_rated(usual)
    for place in reversed(strange):
        decoded.foreign.append((offsets.pop(place), "it begins as usage does and is none"))
    usage += [record for _, record in decoded.odd]
    offsets += [offset for offset, _ in decoded.odd]
    _accept(decoded, position, offsets, usage, origins)


def _accept(
    decoded: Decoded, position: Position, offsets: list[int], usage: list[RatedRecord], origins: Origins
) -> None:
    """The sequence rule for usage. Nearly always all of it is new and from one source: that is seen without a loop."""
    if not usage:
        return
    sources = {record.source for record in usage}
    strange = {source for source in sources if not origins.own(source)}
    if strange:
        decoded.foreign += [
            (offset, f"its source {one.source[:80]!r} is none of this system's")
            for offset, one in zip(offsets, usage, strict=True)
            if one.source in strange
        ]
    one_source = not strange and len(sources) == 1
    if one_source and position.sequences.accepts_all(usage[0].source, [record.sequence for record in usage]):
        decoded.usage, decoded.offsets = usage, offsets
        return
    in_order = sorted(zip(offsets, usage, strict=True), key=itemgetter(0))
    kept = [
        (offset, one)
        for offset, one in in_order
        if one.source not in strange and position.sequences.accepts(one.source, one.sequence)
    ]
    decoded.usage, decoded.offsets = [one for _, one in kept], [offset for offset, _ in kept]
