"""Fold of one partition's records into memory: the sequence rule, then facts, then usage.

Facts come first within a poll, because a family must be known before its usage; that changes nothing else, since
totals, resources and bills do not read each other until they are settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter, lt

from events.codec import decode
from events.envelope import Envelope
from events.facts.bills import BillFact
from events.facts.clock import ClockTicked
from events.facts.resources import AccountCreated
from events.facts.usage import UsageRated, UsageRead
from projections.readmodels.facts import fact_row
from projections.readmodels.positions import Position
from services.kafka import FetchedRecord
from services.projector.families import FamilyCache, new_family
from services.projector.partition import PartitionState
from services.projector.rated import PREFIX, RatedRecord, decode_rated, rated_of


class BrokenLogError(Exception):
    """The log is not what a log can be: a hole, or a fact about an account that was never created."""


@dataclass(slots=True)
class Decoded:
    """A poll's records that the sequence rule lets through, with their log offsets."""

    facts: list[tuple[int, Envelope, bytes]] = field(default_factory=list)
    usage: list[RatedRecord] = field(default_factory=list)
    #: Log offset of each record of `usage`.
    offsets: Sequence[int] = ()
    #: All bytes of the poll, from log offset `base` on.
    values: Sequence[bytes] = ()
    base: int = 0

    def value_at(self, offset: int) -> bytes:
        """The bytes of the record at a log offset."""
        return self.values[offset - self.base]

    def accounts(self) -> set[str]:
        """Accounts whose families must be in memory before this is applied."""
        wanted = {record.account for record in self.usage}
        for _, envelope, _ in self.facts:
            if isinstance(envelope.data, AccountCreated):
                wanted.add(envelope.data.root_id)
            elif envelope.account is not None and not isinstance(envelope.data, UsageRead):
                wanted.add(envelope.account)
        return wanted - {fact.id for _, envelope, _ in self.facts if isinstance(fact := envelope.data, AccountCreated)}


def take(position: Position, records: Sequence[FetchedRecord]) -> Decoded:
    """Decode a poll's records of one partition and move the position over them.

    Raises: BrokenLogError if they do not follow the position; UndecodableRecordError.
    """
    if records[0].offset != position.next_offset:
        raise BrokenLogError(
            f"partition {position.partition}: offset {records[0].offset} came where {position.next_offset} was due"
        )
    values = [record.value for record in records]
    base = records[0].offset
    decoded = Decoded(values=values, base=base)
    offsets, usual = list(range(base, base + len(values))), values
    others = [place for place, value in enumerate(values) if not value.startswith(PREFIX)]
    if others:
        usual = values.copy()
        for place in reversed(others):
            del usual[place], offsets[place]
    usage = decode_rated(usual)
    offsets += _take_others(decoded, position, [records[place] for place in others], usage)
    _accept(decoded, position, offsets, usage)
    position.next_offset = records[-1].offset + 1
    return decoded


def _take_others(
    decoded: Decoded, position: Position, records: Sequence[FetchedRecord], usage: list[RatedRecord]
) -> list[int]:
    """What is not usage in the usual form; usage in another form is added, its offsets are returned."""
    offsets = []
    for record in records:
        envelope = decode(record.value)
        if isinstance(envelope.data, UsageRated):
            usage.append(rated_of(envelope))
            offsets.append(record.offset)
        elif position.accepts(envelope.source, envelope.sequence):
            decoded.facts.append((record.offset, envelope, record.value))
    return offsets


def _accept(decoded: Decoded, position: Position, offsets: list[int], usage: list[RatedRecord]) -> None:
    """The sequence rule for usage. Nearly always all of it is new and from one source: that is seen without a loop."""
    if not usage:
        return
    sequences = [record.sequence for record in usage]
    source = usage[0].source
    ascending = sequences[0] > position.sequences.get(source, -1) and all(map(lt, sequences, sequences[1:]))
    if ascending and {record.source for record in usage} == {source}:
        position.sequences[source] = sequences[-1]
        decoded.usage, decoded.offsets = usage, offsets
        return
    in_order = sorted(zip(offsets, usage, strict=True), key=itemgetter(0))
    kept = [(offset, one) for offset, one in in_order if position.accepts(one.source, one.sequence)]
    decoded.usage, decoded.offsets = [one for _, one in kept], [offset for offset, _ in kept]


def apply_facts(state: PartitionState, decoded: Decoded, cache: FamilyCache) -> None:
    """Apply everything but usage. The families of `decoded.accounts()` must be in memory."""
    for offset, envelope, record in decoded.facts:
        match envelope.data:
            case UsageRead():
                continue
            case ClockTicked(now=now) if not envelope.organization:
                state.position.tick = _later(state.position.tick, now)
                continue
            case ClockTicked(now=now):
                state.clocks[envelope.organization] = _later(state.clocks.get(envelope.organization), now)
                state.unwritten.ticked.add(envelope.organization)
                root_id = None
            case _:
                root_id = _apply_to_family(state, envelope, cache)
        state.unwritten.facts.append(fact_row(state.position.partition, offset, envelope, root_id, record))


def _apply_to_family(state: PartitionState, envelope: Envelope, cache: FamilyCache) -> str:
    fact, partition = envelope.data, state.position.partition
    if isinstance(fact, AccountCreated):
        family = cache.get(fact.root_id)
        if family is None and fact.id == fact.root_id:
            family = new_family(envelope.organization, fact.root_id, partition)
    else:
        family = cache.of_account(envelope.account or "")
    if family is None:
        raise BrokenLogError(f"{envelope.type} {envelope.id} is about account {envelope.account}, which is unknown")
    family.evolve(envelope)
    if isinstance(fact, AccountCreated):
        cache.add(family)
    state.unwritten.families.add(family.root_id)
    if isinstance(fact, BillFact):
        state.unwritten.bills.note(envelope, fact, family.bills_version, family.billed.versions[fact.bill_id])
    return family.root_id


def note_usage(state: PartitionState, decoded: Decoded) -> None:
    """Remember the ids, the newest arrival and where each meter's usage begins."""
    usage = decoded.usage
    if not usage:
        return
    held, position = state.unwritten, state.position
    if not held.digests:
        held.digests_first = decoded.offsets[0]
    held.digests.extend([record.data.digest for record in usage])
    position.log_time = _later(position.log_time, max([record.time for record in usage]))
    if not {record.data.meter_id for record in usage} <= position.meters.keys():
        for offset, record in zip(decoded.offsets, usage, strict=True):
            position.meters.setdefault(record.data.meter_id, offset)


def _later(known: datetime | None, now: datetime) -> datetime:
    return now if known is None else max(known, now)
