"""The folded but unwritten changes of one partition."""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.envelope import Envelope
from events.facts.bills import BillDropped, BillFact, BillIssued, BillLocked, BillMoved, BillOpened, BillVoided
from events.zones import ZoneDays
from projections.calendar import later
from projections.readmodels import bills, columns
from projections.readmodels.bills import BillRow, LineRow, bill_row, line_rows, opened_row
from projections.readmodels.facts import FactRow
from projections.readmodels.foreign_records import ForeignRow
from projections.readmodels.positions import Position, UsageRow
from projections.readmodels.seen_ids import WINDOW, SeenRow, pack
from projections.usage import Cell, CellKey, MeterPlan, fold_usage
from services.projection.catalog_fold import CatalogChange
from services.projection.taking import Decoded

#: What it costs to settle a family with new facts, whose terms are compiled again, in changed totals of usage.
FAMILY_WORK = 10


@dataclass(slots=True)
class UnwrittenBills:
    """Changes by bill. Facts about a bill come in one fixed order, so writing them kind by kind in that order gives the
    same rows.
    """

    opened: list[BillRow] = field(default_factory=list)
    moved: dict[str, BillMoved] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    issued: list[BillRow] = field(default_factory=list)
    lines: list[LineRow] = field(default_factory=list)
    locked: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    voided: list[str] = field(default_factory=list)
    versions: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def note(self, envelope: Envelope, fact: BillFact, number: int, version: int) -> None:
        """Note a fact; a bill has all of its lines. `number` is the fact's place in its stream, `version` the bill's
        version.
        """
        match fact:
            case BillOpened():
                self.opened.append(opened_row(envelope, fact, number))
            case BillMoved():
                self.moved[fact.bill_id] = fact
            case BillDropped():
                self.dropped.append(fact.bill_id)
            case BillIssued():
                self.issued.append(bill_row(envelope, fact, number))
                self.lines.extend(line_rows(envelope, fact))
            case BillLocked():
                self.locked[fact.bill_id] = (envelope.time, envelope.actor)
            case BillVoided():
                self.voided.append(fact.bill_id)
            case _:
                pass
        if version > 1:
            self.versions[fact.bill_id] = (version, envelope.actor)

    async def write(self, connection: Any) -> None:
        """Write to `bills` and `bill_line_items`, within the caller's transaction."""
        moved = [(id, change.bill_date, _moved(change)) for id, change in self.moved.items()]
        for statement, rows, width in (
            (bills.PUT_BILLS, self.opened, bills.BILLS_WIDTH),
            (bills.MOVE, moved, 3),
            (bills.DROP, [(id,) for id in self.dropped], 1),
            (bills.PUT_BILLS, self.issued, bills.BILLS_WIDTH),
            (bills.INSERT_LINES, self.lines, bills.LINES_WIDTH),
            (bills.LOCK, [(id, *by_whom) for id, by_whom in self.locked.items()], 3),
            (bills.VOID, [(id,) for id in self.voided], 1),
            (bills.VERSIONS, [(id, *version) for id, version in self.versions.items()], 3),
        ):
            if rows:
                await connection.execute(statement, *columns(rows, width))


def _moved(fact: BillMoved) -> str:
    return json.dumps(fact.model_dump(mode="json", by_alias=True, exclude_none=True))


@dataclass(slots=True)
class Unwritten:
    """Rows and marks for the next transaction. Only its own methods change it."""

    records: int = 0
    facts: list[FactRow] = field(default_factory=list)
    bills: UnwrittenBills = field(default_factory=UnwrittenBills)
    cells: dict[CellKey, Cell] = field(default_factory=dict)
    #: Cells that are merged into families in memory; their rows are not written.
    merged: set[CellKey] = field(default_factory=set)
    #: Aggregations whose totals are derived again: `rederived` holds all of these totals.
    aggregations: set[str] = field(default_factory=set)
    rederived: dict[CellKey, Cell] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    digests_first: int = 0
    #: Roots with new facts, whose directory rows are written again.
    families: set[str] = field(default_factory=set)
    changes: list[CatalogChange] = field(default_factory=list)
    ticked: set[str] = field(default_factory=set)
    foreign: list[ForeignRow] = field(default_factory=list)
    #: By partition of `usage`: how far it was read, and the last record before that.
    usage_read: dict[int, UsageRow] = field(default_factory=dict)

    @property
    def work(self) -> int:
        """What a transaction is expected to cost, in changed totals."""
        return len(self.cells) + len(self.merged) + FAMILY_WORK * len(self.families)

    def note_fact(self, row: FactRow) -> None:
        """Append a row to table `facts` with the next transaction."""
        self.facts.append(row)

    def note_bill(self, envelope: Envelope, fact: BillFact, number: int, version: int) -> None:
        """Note a fact about a bill; arguments as in `UnwrittenBills.note`."""
        self.bills.note(envelope, fact, number, version)

    def note_family(self, root_id: str) -> None:
        """Note a family that a fact was about."""
        self.families.add(root_id)

    def note_foreign(self, rows: Iterable[ForeignRow]) -> None:
        """Note strangers' records."""
        self.foreign.extend(rows)

    def note_read(self, row: UsageRow) -> None:
        """Note how far a partition of `usage` was read."""
        self.usage_read[row.partition] = row

    def note_clock(self, organization: str) -> None:
        """Note that the organization's test clock was moved."""
        self.ticked.add(organization)

    def note_ids(self, first: int, digests: Sequence[str]) -> None:
        """Note seen ids; `first` is the log offset of the first of them."""
        if not self.digests:
            self.digests_first = first
        self.digests.extend(digests)

    def add_usage(self, decoded: Decoded, plans: Mapping[str, MeterPlan], zones: Mapping[str, ZoneDays]) -> None:
        """Add a poll's usage to the totals."""
        fold_usage(self.cells, decoded.offsets, decoded.usage, decoded.value_at, plans, zones)
        self.records += decoded.records

    def take_cells(self) -> dict[CellKey, Cell]:
        """Take the cells, to merge them into families in memory; only their keys stay here."""
        self.merged |= self.cells.keys()
        cells, self.cells = self.cells, {}
        return cells

    def note_corrected(self, keys: Set[CellKey]) -> None:
        """Note totals of families in memory that corrections changed; their rows stay unwritten."""
        self.merged |= keys

    def note_catalog(
        self, changes: Iterable[CatalogChange], facts: Iterable[FactRow], foreign: Iterable[ForeignRow]
    ) -> None:
        """Note facts of the catalog that the partition now includes: the accounts they affect, and their rows."""
        self.changes.extend(changes)
        self.facts.extend(facts)
        self.foreign.extend(foreign)

    def derive_anew(self, aggregations: set[str], rederived: Mapping[CellKey, Cell]) -> None:
        """Replace the totals of these aggregations by `rederived`; later usage is added to them."""
        others = {key: cell for key, cell in self.rederived.items() if key[1] not in aggregations}
        self.rederived = others | dict(rederived)
        self.cells = {key: cell for key, cell in self.cells.items() if key[1] not in aggregations}
        self.merged = {key for key in self.merged if key[1] not in aggregations}
        self.aggregations |= aggregations


@dataclass(slots=True)
class PartitionState:
    """A partition in memory: its position, its clocks, and its unwritten changes. Only its own methods change it."""

    position: Position
    #: Test clocks by organization.
    clocks: dict[str, datetime]
    #: The last tick that was written.
    stored_tick: datetime | None
    stored_catalog: int
    #: Why the fold has stopped; None while it goes on.
    stopped: str | None = None
    unwritten: Unwritten = field(default_factory=Unwritten)

    @property
    def dirty(self) -> bool:
        """Whether the next transaction has to move this partition."""
        return self.position.next_offset != self.position.stored or self.position.catalog_offset != self.stored_catalog

    def move_clock(self, organization: str, now: datetime) -> None:
        """Move an organization's test clock; it never goes back."""
        self.clocks[organization] = later(self.clocks.get(organization), now)
        self.unwritten.note_clock(organization)

    def stop(self, why: str | None) -> None:
        """Stop the fold: this program does not understand the next record. None lets it go on."""
        self.stopped = why

    def committed(self) -> None:
        """Note that everything unwritten is now in Postgres."""
        self.position.committed()
        self.stored_tick = self.position.tick
        self.stored_catalog = self.position.catalog_offset
        self.unwritten = Unwritten()

    def seen_row(self) -> SeenRow | None:
        """The ids seen since the last write, packed."""
        unwritten = self.unwritten
        if not unwritten.digests:
            return None
        assert self.position.log_time is not None
        return SeenRow(
            self.position.partition, unwritten.digests_first, self.position.log_time, pack(unwritten.digests)
        )

    def oldest_id(self) -> datetime | None:
        """The instant of the log's time before which ids are no longer looked for."""
        return None if self.position.log_time is None else self.position.log_time - WINDOW


def new_partition(position: Position, clocks: dict[str, datetime]) -> PartitionState:
    """A partition in the state that Postgres holds."""
    return PartitionState(position, clocks, position.tick, position.catalog_offset)
