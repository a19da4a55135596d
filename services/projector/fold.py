"""Fold of one partition's records into memory: the sequence rule, then facts, then usage.

Facts come first within a poll, because a family must be known before its usage; that changes nothing else, since
totals, resources and bills do not read each other until they are settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import ConsumerRecord

from events.codec import decode
from events.envelope import Envelope
from events.facts.bills import BillIssued, BillLocked, BillVoided
from events.facts.clock import ClockTicked
from events.facts.resources import AccountCreated
from events.facts.usage import UsageRated, UsageRead
from projections.readmodels.bills import bill_row, line_rows
from projections.readmodels.facts import fact_row
from projections.readmodels.positions import Position
from services.projector.families import FamilyCache, new_family
from services.projector.partition import PartitionState
from services.projector.rated import PREFIX, RatedRecord, decode_rated, rated_of


class BrokenLogError(Exception):
    """The log is not what a log can be: a hole, or a fact about an account that was never created."""


@dataclass(slots=True)
class Decoded:
    """A poll's records that the sequence rule lets through, with their log offsets."""

    facts: list[tuple[int, Envelope, bytes]] = field(default_factory=list)
    usage: list[tuple[int, RatedRecord]] = field(default_factory=list)

    def accounts(self) -> set[str]:
        """Accounts whose families must be in memory before this is applied."""
        wanted = {record.account for _, record in self.usage}
        for _, envelope, _ in self.facts:
            if isinstance(envelope.data, AccountCreated):
                wanted.add(envelope.data.root_id)
            elif envelope.account is not None and not isinstance(envelope.data, UsageRead):
                wanted.add(envelope.account)
        return wanted - {fact.id for _, envelope, _ in self.facts if isinstance(fact := envelope.data, AccountCreated)}


def take(position: Position, records: Sequence[ConsumerRecord]) -> Decoded:
    """Decode a poll's records of one partition and move the position over them.

    Raises: BrokenLogError if they do not follow the position; UndecodableRecordError.
    """
    if records[0].offset != position.next_offset:
        raise BrokenLogError(
            f"partition {position.partition}: offset {records[0].offset} came where {position.next_offset} was due"
        )
    decoded = Decoded()
    offsets, values = [], []
    for record in records:
        if record.value.startswith(PREFIX):
            offsets.append(record.offset)
            values.append(record.value)
        else:
            _take_other(decoded, position, record)
    if values:
        _accept(decoded, position, offsets, decode_rated(values))
    position.next_offset = records[-1].offset + 1
    return decoded


def _take_other(decoded: Decoded, position: Position, record: ConsumerRecord) -> None:
    envelope = decode(record.value)
    if position.accepts(envelope.source, envelope.sequence):
        if isinstance(envelope.data, UsageRated):
            decoded.usage.append((record.offset, rated_of(envelope)))
        else:
            decoded.facts.append((record.offset, envelope, record.value))


def _accept(decoded: Decoded, position: Position, offsets: list[int], rated: list[RatedRecord]) -> None:
    """The sequence rule for usage, with the source's last sequence in a local: this runs once per event."""
    usage, sequences = decoded.usage, position.sequences
    source, last = "", -1
    for offset, record in zip(offsets, rated, strict=True):
        if record.source != source:
            if source:
                sequences[source] = last
            source = record.source
            last = sequences.get(source, -1)
        if record.sequence > last:
            last = record.sequence
            usage.append((offset, record))
    if source:
        sequences[source] = last


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
    match fact:
        case BillIssued():
            state.unwritten.bills.append(bill_row(envelope, fact, family.bills_version))
            state.unwritten.lines.extend(line_rows(envelope, fact))
        case BillLocked(bill_id=bill_id):
            state.unwritten.locked.append(bill_id)
        case BillVoided(bill_id=bill_id):
            state.unwritten.voided.append(bill_id)
        case _:
            pass
    return family.root_id


def note_usage(state: PartitionState, usage: Sequence[tuple[int, RatedRecord]]) -> None:
    """Remember the ids, the newest arrival and where each meter's usage begins."""
    if not usage:
        return
    held, position = state.unwritten, state.position
    if not held.digests:
        held.digests_first = usage[0][0]
    held.digests.extend([record.data.digest for _, record in usage])
    position.log_time = _later(position.log_time, max([record.time for _, record in usage]))
    meters = position.meters
    for offset, record in usage:
        if record.data.meter_id not in meters:
            meters[record.data.meter_id] = offset


def _later(known: datetime | None, now: datetime) -> datetime:
    return now if known is None else max(known, now)
