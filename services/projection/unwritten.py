"""What was folded of one partition and is not written yet."""

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


@dataclass(slots=True)
class UnwrittenBills:
    """Changes by bill. A bill's life has one order, so writing them kind by kind in that order gives the same rows."""

    opened: list[BillRow] = field(default_factory=list)
    moved: dict[str, BillMoved] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    issued: list[BillRow] = field(default_factory=list)
    lines: list[LineRow] = field(default_factory=list)
    locked: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    voided: list[str] = field(default_factory=list)
    versions: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def note(self, envelope: Envelope, fact: BillFact, number: int, version: int) -> None:
        """Remember a fact, a bill with all of its lines; `number` is its place in its stream, `version` the bill's."""
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
        """Into `bills` and `bill_line_items`, inside the caller's transaction."""
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
    """Rows and marks of the next transaction. Only its own functions change it."""

    records: int = 0
    facts: list[FactRow] = field(default_factory=list)
    bills: UnwrittenBills = field(default_factory=UnwrittenBills)
    cells: dict[CellKey, Cell] = field(default_factory=dict)
    #: Cells that are merged into families in memory; their rows are not written.
    merged: set[CellKey] = field(default_factory=set)
    #: Totals of these aggregations are derived anew: `rederived` holds all there is of them.
    aggregations: set[str] = field(default_factory=set)
    rederived: dict[CellKey, Cell] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    digests_first: int = 0
    #: Roots with new facts, whose directory rows are written again.
    families: set[str] = field(default_factory=set)
    changes: list[CatalogChange] = field(default_factory=list)
    ticked: set[str] = field(default_factory=set)
    foreign: list[ForeignRow] = field(default_factory=list)
    #: By partition of `usage`: how far it was read, and the last record before.
    usage_read: dict[int, UsageRow] = field(default_factory=dict)

    @property
    def totals(self) -> int:
        """How many totals changed."""
        return len(self.cells) + len(self.merged)

    def note_fact(self, row: FactRow) -> None:
        """Append a row to table `facts` with the next transaction."""
        self.facts.append(row)

    def note_bill(self, envelope: Envelope, fact: BillFact, number: int, version: int) -> None:
        """What happened to a bill, as `UnwrittenBills.note` takes it."""
        self.bills.note(envelope, fact, number, version)

    def note_family(self, root_id: str) -> None:
        """A family that a fact was about."""
        self.families.add(root_id)

    def note_foreign(self, rows: Iterable[ForeignRow]) -> None:
        """Records that are none of ours."""
        self.foreign.extend(rows)

    def note_read(self, row: UsageRow) -> None:
        """How far a partition of `usage` was read."""
        self.usage_read[row.partition] = row

    def note_clock(self, organization: str) -> None:
        """The organization's test clock was moved."""
        self.ticked.add(organization)

    def note_ids(self, first: int, digests: Sequence[str]) -> None:
        """Ids that were seen; `first` is the log offset of the first of these."""
        if not self.digests:
            self.digests_first = first
        self.digests.extend(digests)

    def add_usage(self, decoded: Decoded, plans: Mapping[str, MeterPlan], zones: Mapping[str, ZoneDays]) -> None:
        """Add a poll's usage to the totals."""
        fold_usage(self.cells, decoded.offsets, decoded.usage, decoded.value_at, plans, zones)
        self.records += decoded.records

    def take_cells(self) -> dict[CellKey, Cell]:
        """The cells, to be merged into families in memory; of them only the keys are left here."""
        self.merged |= self.cells.keys()
        cells, self.cells = self.cells, {}
        return cells

    def note_corrected(self, keys: Set[CellKey]) -> None:
        """Totals of families in memory that corrections changed; their rows stay unwritten."""
        self.merged |= keys

    def note_catalog(
        self, changes: Iterable[CatalogChange], facts: Iterable[FactRow], foreign: Iterable[ForeignRow]
    ) -> None:
        """Facts of the catalog up to which the partition is brought: whom they touch, and their rows."""
        self.changes.extend(changes)
        self.facts.extend(facts)
        self.foreign.extend(foreign)

    def derive_anew(self, aggregations: set[str], rederived: Mapping[CellKey, Cell]) -> None:
        """`rederived` is all there is of these aggregations' totals; what is added from now on is added to it."""
        others = {key: cell for key, cell in self.rederived.items() if key[1] not in aggregations}
        self.rederived = others | dict(rederived)
        self.cells = {key: cell for key, cell in self.cells.items() if key[1] not in aggregations}
        self.merged = {key for key in self.merged if key[1] not in aggregations}
        self.aggregations |= aggregations


@dataclass(slots=True)
class PartitionState:
    """A partition in memory: where it stands, its clocks, and what is unwritten. Only its own functions change it."""

    position: Position
    #: Test clocks by organization.
    clocks: dict[str, datetime]
    #: The tick that is written.
    stored_tick: datetime | None
    stored_catalog: int
    #: Why nothing is folded any more; None while it goes on.
    stopped: str | None = None
    unwritten: Unwritten = field(default_factory=Unwritten)

    @property
    def dirty(self) -> bool:
        """Whether the next transaction has to move this partition."""
        return self.position.next_offset != self.position.stored or self.position.catalog_offset != self.stored_catalog

    def move_clock(self, organization: str, now: datetime) -> None:
        """An organization's test clock was moved; it never goes back."""
        self.clocks[organization] = later(self.clocks.get(organization), now)
        self.unwritten.note_clock(organization)

    def stop(self, why: str | None) -> None:
        """Fold nothing more: the next record is one that this program does not understand. With None it goes on."""
        self.stopped = why

    def committed(self) -> None:
        """All that was unwritten is in Postgres."""
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
        """Ids seen before this instant of the log's time are no longer looked for."""
        return None if self.position.log_time is None else self.position.log_time - WINDOW


def new_partition(position: Position, clocks: dict[str, datetime]) -> PartitionState:
    """A partition as Postgres has it."""
    return PartitionState(position, clocks, position.tick, position.catalog_offset)
