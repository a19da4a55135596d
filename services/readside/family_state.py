"""A family in memory: a root account with its children, and everything that the log says about them.

It is loaded when it is first touched. What it holds is a function of the rows in Postgres, so dropping it costs time,
never data.
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
from projections.settlement import Billed, Family, FamilyTerms, Kept, assemble, terms_of, together
from projections.usage import Cell, CellKey

#: A total with its key.
Total = tuple[CellKey, DayState]
_NO_DAYS: Mapping[date, DayState] = {}
#: Marks what is made again from the rest.
_MADE_AGAIN = {"made_again": True}


class Root(NamedTuple):
    """Which family: its organization, its root account, and the partition of `billing.events` in which it lives."""

    organization: str
    id: str
    partition: int


@dataclass(slots=True, eq=False)
class FamilyState:
    """One root and its children: their own facts, bills and totals. Only its own functions change it."""

    organization: str
    root_id: str
    partition: int
    own: Resources
    billed: Billed
    #: Every account that ever was in it.
    members: dict[str, Member] = field(default_factory=dict)
    #: How many facts about its bills were folded: the version of stream `bills-<root>`.
    bills_version: int = 0
    #: Newest time of a fact about it: its day while no clock has ticked.
    newest: datetime | None = None
    totals: dict[TotalsKey, dict[date, DayState]] = field(default_factory=dict)
    #: First and last log offset behind each total that is not written as it stands. Of one that is, its row knows
    #: them: the first stays, and only what comes next can tell another last one.
    offsets: dict[CellKey, tuple[int, int]] = field(default_factory=dict)
    #: Totals of which everything was voided: they have a row, and for settlement they are not there.
    emptied: dict[CellKey, DayState] = field(default_factory=dict)
    #: Events of usage that were voided or amended, by their offset in the log.
    corrections: dict[int, Corrected] = field(default_factory=dict)
    #: Compiled terms and the version of the catalog they are of; good until a fact of the family or another version.
    terms: tuple[FamilyTerms, int] | None = field(default=None, metadata=_MADE_AGAIN)
    #: What settlement keeps to settle the next change incrementally, and the days of totals that moved since.
    kept: Kept | None = field(default=None, metadata=_MADE_AGAIN)
    moved: dict[TotalsKey, set[date]] = field(default_factory=dict, metadata=_MADE_AGAIN)
    #: What was used until yesterday, as far as nothing came for it since.
    used: UsedBefore | None = field(default=None, metadata=_MADE_AGAIN)
    #: Its rows in Postgres that follow from settlement.
    written: Written = NOTHING_WRITTEN
    #: What rules found, and what of that is to be raised.
    alerts: FamilyAlerts = field(default_factory=FamilyAlerts)
    _newest_day: date | None = None

    @property
    def root(self) -> Root:
        """Which family it is."""
        return Root(self.organization, self.root_id, self.partition)

    @property
    def timezone(self) -> str:
        """The root's zone: children have the same."""
        return self.members[self.root_id].timezone

    @property
    def has_terms(self) -> bool:
        """Whether there is anything to settle, or to give back of what was."""
        return any(member.billable for member in self.members.values())

    def family(self, resources: Resources, catalog_index: FamilyIndex) -> Family:
        """To settle: `resources` are the catalog's and its own `together`."""
        return assemble(resources, self.root_id, self.own, catalog_index, self.totals, self.billed)

    def today(self, resources: Resources, tick: datetime | None) -> date:
        """Today in its zone, as the log has it; `tick` is the last of its partition."""
        return today_of(resources, self.timezone, self.evidence(tick))

    def evidence(self, tick: datetime | None) -> Evidence:
        """What tells its day: the last tick of its partition, the newest fact about it, its newest usage."""
        return Evidence(tick, self.newest, self._newest_day)

    def evolve(self, envelope: Envelope) -> None:
        """Apply a fact of the family's partition."""
        if isinstance(envelope.data, Alert):
            # It changes nothing that is settled, and it is nothing that happened to the family: not its newest day.
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
        """Hold a total as it stands: the state, and the first and last log offset behind it unless a row has them."""
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
        """Merge what usage added, as the aggregation of the organization's catalog says."""
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
        """The first and last log offset behind a total that came since it was last written; it is written now."""
        return self.offsets.pop(key)

    @property
    def total_count(self) -> int:
        """How many totals it has."""
        return sum([len(days) for days in self.totals.values()])

    def total(self, key: CellKey) -> DayState | None:
        """A total as it stands, without records if all of them were voided; None if there never was any."""
        state = self.totals.get(key[:3], _NO_DAYS).get(key[3])
        return self.emptied.get(key) if state is None else state

    def restate(self, key: CellKey, state: DayState, offset: int) -> None:
        """Put what stands after a correction of the event at this offset in the place of a total, or make it.

        Settlement begins anew: it has seen a total grow, change and fall, and never one that is gone.
        """
        first, last = self.offsets.get(key) or (offset, offset)
        days = self.totals.get(key[:3])
        if days is not None and days.pop(key[3], None) is not None and not days:
            del self.totals[key[:3]]
        self.emptied.pop(key, None)
        self.put_total(key, state, (min(first, offset), max(last, offset)))
        self.keep(None)

    def suppose(self, corrections: Corrections) -> None:
        """Hold these corrections as if the log had them; the totals that they change are to be put anew."""
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
        """Its terms under this version of the catalog; when they change, settlement begins anew."""
        if self.terms is None or self.terms[1] != version:
            resources = together(catalog, self.own, catalog.clock)
            self.terms = terms_of(resources, self.root_id, self.own, catalog_index), version
            self.keep(None)
        return self.terms[0]

    def keep(self, kept: Kept | None) -> None:
        """Hold what settlement keeps of the totals as they are; None: the next one begins anew."""
        if kept is None:
            self.used = None
        self.kept = kept
        self.moved = {}

    def note_used(self, used: UsedBefore) -> None:
        """What was used until yesterday; it holds until something comes for a day that is over."""
        self.used = used

    def note_written(self, written: Written) -> None:
        """Its rows in Postgres are these now."""
        self.written = written


#: The fields of a family that everything else about it is made from.
ESSENTIAL = tuple(field.name for field in fields(FamilyState) if not field.metadata.get("made_again"))


def new_family(organization: str, root_id: str, partition: int) -> FamilyState:
    """A family of which nothing is known yet."""
    return FamilyState(organization, root_id, partition, Resources(organization), Billed())


def family_known_by(
    root: Root, facts: Iterable[Envelope], members: Mapping[str, Member], totals: Iterable[Total]
) -> FamilyState:
    """A family made of its facts, in order, and of its members and totals as rows tell them."""
    family = new_family(*root)
    for fact in facts:
        family.evolve(fact)
    family.members.update(members)
    for key, state in totals:
        family.put_total(key, state)
    return family
