"""A family in memory: a root account with its children, and everything in the log about them.

It is loaded on first use. Its content is a function of the rows in Postgres, so dropping it costs time, never data.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import NamedTuple

from events.envelope import Envelope
from events.facts.alerts import Alert, AlertRaised
from events.facts.automation import AutomaticRuleActed
from events.facts.bills import BillFact
from events.facts.corrections import UsageCorrection
from projections.aggregates import DayState, TotalsKey, merge
from projections.alerts.due import FamilyAlerts
from projections.calendar import later
from projections.clock import Evidence, today_of
from projections.corrections import Corrected, Corrections, after_nothing, corrected_by
from projections.outlook.outlook import UsedBefore
from projections.rating.index import FamilyIndex
from projections.readmodels.directory import Member, note_member
from projections.readmodels.settled_rows import NOTHING_WRITTEN, Written
from projections.resources import Resources
from projections.settlement import Billed, Family, FamilyTerms, SettledState, assemble, terms_of, together
from projections.usage import Cell, CellKey

#: A total with its key.
Total = tuple[CellKey, DayState]
_NO_DAYS: Mapping[date, DayState] = {}
#: Marks fields that are derived again from the others.
_MADE_AGAIN = {"made_again": True}


class Root(NamedTuple):
    """The identity of a family: its organization, its root account, and its partition of `billing.events`."""

    organization: str
    id: str
    partition: int


@dataclass(slots=True, eq=False)
class FamilyState:
    """One root and its children: their own facts, bills and totals. Only its own methods change it."""

    organization: str
    root_id: str
    partition: int
    own: Resources
    billed: Billed
    #: Every account that ever belonged to it.
    members: dict[str, Member] = field(default_factory=dict)
    #: The number of applied facts about its bills: the version of stream `bills-<root>`.
    bills_version: int = 0
    #: The newest time of a fact about it, which tells its day while no clock has ticked.
    newest: datetime | None = None
    totals: dict[TotalsKey, dict[date, DayState]] = field(default_factory=dict)
    #: First and last log offset of each total with unwritten changes. For other totals the row has them: the first
    #: stays, and only later records change the last.
    offsets: dict[CellKey, tuple[int, int]] = field(default_factory=dict)
    #: Totals whose records were all voided: they have a row, and settlement ignores them.
    emptied: dict[CellKey, DayState] = field(default_factory=dict)
    #: Usage events that were voided or amended, by their offset in the log.
    corrections: dict[int, Corrected] = field(default_factory=dict)
    #: Compiled terms and the version of their catalog; valid until a fact of the family or another version.
    terms: tuple[FamilyTerms, int] | None = field(default=None, metadata=_MADE_AGAIN)
    #: What settlement keeps to settle the next change incrementally, and the days of totals that changed since.
    kept: SettledState | None = field(default=None, metadata=_MADE_AGAIN)
    moved: dict[TotalsKey, set[date]] = field(default_factory=dict, metadata=_MADE_AGAIN)
    #: The use until yesterday, while nothing arrives for those days.
    used: UsedBefore | None = field(default=None, metadata=_MADE_AGAIN)
    #: Its rows in Postgres that follow from settlement.
    written: Written = NOTHING_WRITTEN
    #: Its alerts, raised and to raise.
    alerts: FamilyAlerts = field(default_factory=FamilyAlerts)
    _newest_day: date | None = None

    @property
    def root(self) -> Root:
        """The family's identity."""
        return Root(self.organization, self.root_id, self.partition)

    @property
    def timezone(self) -> str:
        """The root's zone: children have the same."""
        return self.members[self.root_id].timezone

    @property
    def has_terms(self) -> bool:
        """Whether there is anything to settle, or a former amount to give back."""
        return any(member.billable for member in self.members.values())

    def family(self, resources: Resources, catalog_index: FamilyIndex) -> Family:
        """The family to settle: `resources` are the catalog's and its own `together`."""
        return assemble(resources, self.root_id, self.own, catalog_index, self.totals, self.billed)

    def today(self, resources: Resources, tick: datetime | None) -> date:
        """Today in its zone, by the log; `tick` is the last tick of its partition."""
        return today_of(resources, self.timezone, self.evidence(tick))

    def evidence(self, tick: datetime | None) -> Evidence:
        """The evidence for its day: the last tick of its partition, the newest fact about it, its newest usage."""
        return Evidence(tick, self.newest, self._newest_day)

    def evolve(self, envelope: Envelope) -> None:
        """Apply a fact of the family's partition."""
        if isinstance(envelope.data, Alert):
            # The fact changes nothing that is settled, and is no event of the family, so its newest day stays.
            if isinstance(envelope.data, AlertRaised | AutomaticRuleActed):
                self.alerts.note_raised(envelope.data.id)
            return
        self.newest = later(self.newest, envelope.time)
        if isinstance(envelope.data, BillFact):
            self.bills_version += 1
            self.billed.evolve(envelope.data)
        elif isinstance(envelope.data, UsageCorrection):
            offset = envelope.data.log_offset
            self.corrections[offset] = corrected_by(envelope, self.corrections.get(offset))
        else:
            self.terms = None
            self.own.evolve(envelope)
            note_member(self.members, envelope)

    def put_total(self, key: CellKey, state: DayState, offsets: tuple[int, int] | None = None) -> None:
        """Store a total directly: the state, and the first and last log offset unless a row has them."""
        total, day = key[:3], key[3]
        if state.records:
            days = self.totals.get(total)
            if days is None:
                days = self.totals[total] = {}
            days[day] = state
        else:
            self.emptied[key] = state
        if offsets is not None:
            self.offsets[key] = offsets
        moved = self.moved.get(total)
        if moved is None:
            moved = self.moved[total] = set()
        moved.add(day)
        if self.used is not None and day <= self.used.over:
            self.used = self.used.without(day)
        if self._newest_day is None or day > self._newest_day:
            self._newest_day = day

    def add_to_total(self, key: CellKey, cell: Cell, catalog: Resources) -> None:
        """Merge additions from usage, by the aggregation's function in the organization's catalog."""
        before = self.totals.get(key[:3], _NO_DAYS).get(key[3])
        if before is None and self.emptied:
            before = self.emptied.pop(key, None)
        if before is None:
            self.put_total(key, cell.day_state(), (cell.first, cell.last))
        else:
            function = catalog.aggregations[key[1]].body.aggregation
            added = cell.day_state()
            merged = merge(function, before, added) if before.records else after_nothing(function, before, added)
            first, _ = self.offsets.get(key) or (cell.first, cell.last)
            self.put_total(key, merged, (first, cell.last))

    def take_offsets(self, key: CellKey) -> tuple[int, int]:
        """The first and last log offset added to a total since its last write; the total now counts as written."""
        return self.offsets.pop(key)

    @property
    def total_count(self) -> int:
        """The number of its totals."""
        return sum([len(days) for days in self.totals.values()])

    def total(self, key: CellKey) -> DayState | None:
        """A total, without records if all of them were voided; None if there never was one."""
        state = self.totals.get(key[:3], _NO_DAYS).get(key[3])
        return self.emptied.get(key) if state is None else state

    def restate(self, key: CellKey, state: DayState, offset: int) -> None:
        """Replace or create a total after a correction of the event at this offset.

        Settlement starts over: it can handle totals that grow, change and fall, but none that disappears.
        """
        first, last = self.offsets.get(key) or (offset, offset)
        days = self.totals.get(key[:3])
        if days is not None and days.pop(key[3], None) is not None and not days:
            del self.totals[key[:3]]
        self.emptied.pop(key, None)
        self.put_total(key, state, (min(first, offset), max(last, offset)))
        self.keep(None)

    def suppose(self, corrections: Corrections) -> None:
        """Apply these corrections as if the log had them; the caller then restates the changed totals."""
        self.corrections.update(corrections)

    def drop_totals(self, aggregations: Set[str]) -> None:
        """Forget the totals of these aggregations."""
        self.totals = {total: days for total, days in self.totals.items() if total[1] not in aggregations}
        self.offsets = {key: offsets for key, offsets in self.offsets.items() if key[1] not in aggregations}
        self.emptied = {key: state for key, state in self.emptied.items() if key[1] not in aggregations}
        days = {day for days in self.totals.values() for day in days} | {key[3] for key in self.emptied}
        self._newest_day = max(days, default=None)
        self.keep(None)

    def compiled(self, catalog: Resources, catalog_index: FamilyIndex, version: int) -> FamilyTerms:
        """Its terms under this version of the catalog; when they change, settlement starts over."""
        if self.terms is None or self.terms[1] != version:
            resources = together(catalog, self.own, catalog.clock)
            self.terms = terms_of(resources, self.root_id, self.own, catalog_index), version
            self.keep(None)
        return self.terms[0]

    def keep(self, kept: SettledState | None) -> None:
        """Store what settlement keeps for the present totals; None: the next settlement starts over."""
        if kept is None:
            self.used = None
        self.kept = kept
        self.moved = {}

    def note_used(self, used: UsedBefore) -> None:
        """Store the use until yesterday; it is valid until something arrives for a day that is over."""
        self.used = used

    def note_written(self, written: Written) -> None:
        """Note its present rows in Postgres."""
        self.written = written


#: The fields of a family from which all others are derived.
ESSENTIAL = tuple(field.name for field in fields(FamilyState) if not field.metadata.get("made_again"))


def new_family(organization: str, root_id: str, partition: int) -> FamilyState:
    """A family without any facts yet."""
    return FamilyState(organization, root_id, partition, Resources(organization), Billed())


def family_known_by(
    root: Root, facts: Iterable[Envelope], members: Mapping[str, Member], totals: Iterable[Total]
) -> FamilyState:
    """A family from its facts, in order, and its members and totals from rows."""
    family = new_family(*root)
    for fact in facts:
        family.evolve(fact)
    family.members.update(members)
    for key, state in totals:
        family.put_total(key, state)
    return family
