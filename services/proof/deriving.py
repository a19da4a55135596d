"""Derives a bill again from nothing but its records, by the same functions that issued it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from events.codec import UndecodableRecordError, decode
from events.facts.bills import BillFact, BillIssued, Positions
from events.facts.clock import ClockTicked
from events.facts.usage import UsageRated
from events.zones import ZoneDays, time_zone
from projections.calendar import later
from projections.corrections import CorrectedFold
from projections.rating.index import index_families
from projections.resources import Resources
from projections.settlement import Billed, Family, draft_again, issue, together
from projections.usage import PREFIX, RatedRecord, decode_rated, meter_plans, rated_of
from services.readside.family_state import FamilyState, new_family


class LoggedRecord(NamedTuple):
    """A record's offset and value."""

    offset: int
    value: bytes


class BillInLog(NamedTuple):
    """An issued bill with all of its lines, its organization, and whether it is still valid (`stands`: not voided)."""

    bill: BillIssued
    organization: str
    stands: bool


def issued_in(log: Iterable[LoggedRecord], bill_id: str) -> BillInLog | None:
    """The bill with this id, if these records have it. Raises: UndecodableRecordError, BrokenBillError."""
    billed, issued, organization = Billed(), None, ""
    for logged in log:
        if not logged.value.startswith(PREFIX):
            envelope = decode(logged.value)
            billed.evolve(envelope.data)
            if isinstance(envelope.data, BillFact) and envelope.data.bill_id == bill_id:
                organization = envelope.organization
            issued = billed.bills.get(bill_id, issued)
    return BillInLog(issued, organization, bill_id in billed.bills) if issued else None


def derived(
    organization: str, bill: BillIssued, catalog: Sequence[LoggedRecord], log: Sequence[LoggedRecord]
) -> BillIssued | None:
    """The bill as it follows from records of catalog and log, up to the positions in `bill`; None if nothing was due.

    Raises: UndecodableRecordError, BrokenBillError; LookupError if a record refers to something that no record has.
    """
    family = family_at(organization, bill.root_id, bill.positions, catalog, log)
    draft = draft_again(family, bill)
    return None if draft is None else issue(draft, bill_id=bill.bill_id, positions=bill.positions)


def family_at(
    organization: str, root_id: str, positions: Positions, catalog: Sequence[LoggedRecord], log: Sequence[LoggedRecord]
) -> Family:
    """An account family as it follows from these records, up to these positions. Raises: as `derived`."""
    shared = Resources(organization)
    for logged in _before(catalog, positions.catalog):
        shared.evolve(decode(logged.value))
    state, usage, clock = new_family(organization, root_id, positions.partition), list[LoggedRecord](), None
    for logged in _before(log, positions.log):
        if logged.value.startswith(PREFIX):
            usage.append(logged)
            continue
        envelope = decode(logged.value)
        match envelope.data:
            case UsageRated():
                usage.append(logged)
            case ClockTicked(now=now):
                clock = later(clock, now)
            case _:
                state.evolve(envelope)
    resources = together(shared, state.own, clock)
    _add_usage(state, resources, usage)
    return state.family(resources, index_families(shared))


def _before(records: Iterable[LoggedRecord], end: int) -> Iterator[LoggedRecord]:
    return (logged for logged in records if logged.offset < end)


def _add_usage(state: FamilyState, resources: Resources, usage: Sequence[LoggedRecord]) -> None:
    zones = {id: ZoneDays(time_zone(member.timezone)) for id, member in state.members.items()}
    values = {logged.offset: logged.value for logged in usage}
    fold = CorrectedFold(state.corrections, meter_plans(resources), zones)
    fold.fold(list(values), _rated(usage), values.__getitem__)
    for key, cell in fold.cells().items():
        state.put_total(key, cell.day_state(), (cell.first, cell.last))


def _rated(usage: Sequence[LoggedRecord]) -> list[RatedRecord]:
    """Usage records decoded, in order. Raises: UndecodableRecordError."""
    usual = [logged for logged in usage if logged.value.startswith(PREFIX)]
    records, strange = decode_rated([logged.value for logged in usual]) if usual else ([], [])
    if strange:
        raise UndecodableRecordError(f"the record at offset {usual[strange[0]].offset} is no usage")
    by_offset = {logged.offset: record for logged, record in zip(usual, records, strict=True)}
    return [by_offset.get(logged.offset) or rated_of(decode(logged.value)) for logged in usage]
