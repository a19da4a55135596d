"""Folds one partition's records into memory: facts, then usage; and past usage again, if an aggregation changed.

Facts come first within a poll, because a family must be known before its usage. The order matters for nothing else,
because totals, resources and bills do not read each other before settlement.

A total is a function of a log prefix and a catalog prefix. When the catalog moves, usage that is already folded has to
count under a new aggregation too: its totals are derived from the log before any of them is shown. The partition
remembers where each meter's usage begins, so an unused meter costs nothing.
"""

from collections.abc import Mapping

from events.bill_parts import BrokenBillError
from events.envelope import Envelope
from events.facts.bills import BillFact, BillIssued, BillLinesIssued
from events.facts.clock import ClockTicked
from events.facts.resources import AccountCreated
from events.facts.usage import UsageRead
from events.sources import Origins
from events.topics import EVENTS
from events.zones import ZoneDays
from projections.clock import counted_tick
from projections.corrections import CorrectedFold, Corrections
from projections.readmodels.facts import fact_row
from projections.readmodels.foreign_records import ForeignRow
from projections.readmodels.positions import Position, usage_row
from projections.resources import Resources
from projections.usage import Cell, CellKey, MeterPlan, meter_plans
from services.kafka import LogReader, Polled
from services.projection.catalog_fold import CatalogChange
from services.projection.taking import BrokenLogError, Decoded, take
from services.projection.unwritten import PartitionState
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, new_family


def apply_facts(state: PartitionState, decoded: Decoded, cache: FamilyCache, topic: str = EVENTS) -> None:
    """Apply everything but usage. The families of `decoded.accounts()` must be in memory. `topic` is the log's name.
    Raises: BrokenLogError.
    """
    partition = state.position.partition
    state.unwritten.note_foreign(ForeignRow(EVENTS, partition, offset, why) for offset, why in decoded.foreign)
    for offset, ms, envelope, record in decoded.facts:
        match envelope.data:
            case UsageRead() as read:
                state.unwritten.note_read(usage_row(envelope.source, read))
                continue
            case ClockTicked() as tick if not envelope.organization:
                state.position.note_tick(counted_tick(tick, ms))
                continue
            case ClockTicked(now=now):
                state.move_clock(envelope.organization, now)
                root_id = None
            case _:
                try:
                    root_id = _apply_to_family(state, envelope, cache)
                except BrokenBillError as error:
                    raise BrokenLogError(f"{topic}/{partition} at offset {offset}: {error}") from error
        state.unwritten.note_fact(fact_row(partition, offset, envelope, root_id, record))


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
    state.unwritten.note_family(family.root_id)
    if isinstance(fact, BillFact) and not isinstance(fact, BillLinesIssued):
        _note_bill(state, envelope, fact, family)
    return family.root_id


def _note_bill(state: PartitionState, envelope: Envelope, fact: BillFact, family: FamilyState) -> None:
    whole = family.billed.bills[fact.bill_id] if isinstance(fact, BillIssued) else fact
    state.unwritten.note_bill(envelope, whole, family.bills_version, family.billed.versions[fact.bill_id])


def note_usage(state: PartitionState, decoded: Decoded) -> None:
    """Remember the ids, the newest arrival and the first offset of each meter's usage."""
    usage = decoded.usage
    if not usage:
        return
    state.unwritten.note_ids(decoded.offsets[0], [record.data.digest for record in usage])
    state.position.note_usage(max([record.time for record in usage]))
    if not {record.data.meter_id for record in usage} <= state.position.meters.keys():
        state.position.note_meters(zip((record.data.meter_id for record in usage), decoded.offsets, strict=True))


def changed_aggregations(changes: list[CatalogChange]) -> dict[str, set[str]]:
    """Organization -> aggregations that were created, changed or deleted."""
    aggregations: dict[str, set[str]] = {}
    for change in changes:
        if change.aggregation is not None:
            aggregations.setdefault(change.organization, set()).add(change.aggregation)
    return aggregations


async def rederive(
    reader: LogReader,
    position: Position,
    catalogs: Mapping[str, Resources],
    changed: Mapping[str, set[str]],
    zones: Mapping[str, ZoneDays],
    origins: Origins,
    corrections: Corrections,
) -> dict[CellKey, Cell]:
    """All totals of the changed aggregations over the partition's log before `position.next_offset`.

    `zones` must hold every account of the partition, `corrections` all corrections before that offset. Memory grows
    with the totals, not with the log.
    """
    plans: dict[str, MeterPlan] = {}
    for organization, aggregations in changed.items():
        plans |= meter_plans(catalogs[organization], frozenset(aggregations))
    firsts = [position.meters[meter] for meter in plans if meter in position.meters]
    fold = CorrectedFold(corrections, plans, zones)
    if firsts:
        past = Position(position.partition, next_offset=min(firsts))
        async for records in reader.read(EVENTS, position.partition, min(firsts), position.next_offset):
            taken = take(past, Polled(records, records[-1].offset + 1), origins)
            fold.fold(taken.offsets, taken.usage, taken.value_at)
    return fold.cells()
