"""One transaction: everything that was folded since the last one, and the settlement of whom it touched.

Order matters in two places. The positions move first: their compare-and-set fails for a zombie before it has done
anything. The marks come after the directory's rows, which say whom a new price or a new day concerns.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from projections.calendar import local_day
from projections.readmodels import columns, directory, due, facts, foreign_records, positions, seen_ids, usage_totals
from projections.readmodels.usage_totals import TotalRow
from services.projection.behind import LINES_SECONDS, Behind
from services.projection.catalog import CatalogLog
from services.projection.partition import PartitionState
from services.projection.settling import Settler, merge_cells, merged_rows, rederived_rows, replace_aggregations
from services.readside.family_state import FamilyCache, FamilyState
from services.readside.loading import Root, load_families

#: Due roots are settled for at most this long per transaction, so that new records never wait for old marks.
DUE_SECONDS = 0.5
#: While records keep coming, draws and lines are written for this part of the time, and at least so long in each
#: transaction.
LINES_SHARE = 0.25
LINES_LEAST_SECONDS = 0.02


class LeaseLostError(Exception):
    """These partitions belong to another worker now; nothing was written."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = sorted(partitions)
        super().__init__(f"another worker moved partitions {self.partitions}")


class Writer:
    """Writes what partitions hold unwritten."""

    def __init__(self, catalog: CatalogLog, cache: FamilyCache) -> None:
        self._catalog = catalog
        self._cache = cache
        self._settler = Settler(catalog)
        self._behind = Behind()
        self._written_at = time.monotonic()
        #: Roots whose settlement failed; tried again when something about them changes, or by another process.
        self._failed: set[str] = set()

    async def write(
        self,
        connection: Any,
        states: Sequence[PartitionState],
        due_limit: int,
        *,
        settle: bool,
    ) -> int:
        """Write and settle; returns for how many roots. Raises: LeaseLostError.

        Balances of touched roots are written; their draws and accrued lines follow behind them (`Behind`). Without
        `settle` the touched roots are only marked as due: a rebuild settles each of them once, at its end.
        """
        dirty = [state for state in states if state.dirty]
        if not dirty and not self._behind and not await self._next_due(connection, states, 1):
            return 0
        # All positions, moved or not: who only settles must be the owner, too.
        await self._move_positions(connection, states)
        await self._write_records(connection, dirty)
        touched: dict[str, FamilyState] = {}
        for state in dirty:
            touched |= await self._write_totals(connection, state)
        await self._write_directory(connection, dirty, touched)
        for state in dirty:
            await self._mark_touched(connection, state)
        if not settle:
            await self._mark_due(connection, states, touched.values(), "rebuild")
            return 0
        waiting = await self._next_due(connection, states, due_limit)
        return await self._settle(connection, states, touched, waiting, is_quiet=not dirty)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else may write these partitions; memory of them is gone."""
        self._behind.forget(partitions)
        self._settler.forget(partitions)

    async def _next_due(self, connection: Any, states: Sequence[PartitionState], limit: int) -> list[Root]:
        partitions = sorted(state.position.partition for state in states)
        # Failed ones stay due; asking for as many more keeps them from crowding out the rest.
        rows = await connection.fetch(due.NEXT, partitions, limit + len(self._failed))
        found = [(row["organization"], row["root_id"], row["partition"]) for row in rows]
        return [root for root in found if root[1] not in self._failed][:limit]

    async def _move_positions(self, connection: Any, states: Sequence[PartitionState]) -> None:
        arguments = positions.move_arguments([state.position for state in states])
        moved = {row["partition"] for row in await connection.fetch(positions.MOVE, *arguments)}
        lost = {state.position.partition for state in states} - moved
        if lost:
            raise LeaseLostError(lost)

    async def _write_records(self, connection: Any, states: Sequence[PartitionState]) -> None:
        held = [state.unwritten for state in states]
        # Whoever moves a partition over catalog facts sees to it that they stand in `facts`; twice is harmless.
        found = {(row.partition, row.log_offset): row for one in held for row in one.facts}
        await _put(connection, facts.INSERT, [found[key] for key in sorted(found)], facts.WIDTH)
        strangers = sorted({row for one in held for row in one.foreign})
        await _put(connection, foreign_records.INSERT, strangers, foreign_records.WIDTH)
        read = sorted(row for one in held for row in one.usage_read.values())
        await _put(connection, positions.PUT_USAGE, read, positions.USAGE_WIDTH)
        seen = [row for state in states if (row := state.seen_row()) is not None]
        await _put(connection, seen_ids.INSERT, seen, seen_ids.WIDTH)
        limits = [(state.position.partition, oldest) for state in states if (oldest := state.oldest_id()) is not None]
        if seen:
            await connection.execute(seen_ids.DROP_OLD, *columns(limits, 2))
        for one in held:
            await one.bills.write(connection)

    async def _write_totals(self, connection: Any, state: PartitionState) -> dict[str, FamilyState]:
        """Totals of one partition; returns the families whose totals changed."""
        held, partition = state.unwritten, state.position.partition
        rederived: list[TotalRow] = []
        if held.aggregations:
            await connection.execute(usage_totals.DROP_AGGREGATIONS, partition, sorted(held.aggregations))
            replace_aggregations(self._cache.of_partition(partition), held.aggregations, held.rederived, self._catalog)
            rederived = rederived_rows(held.rederived, partition, self._catalog)
        merge_cells(held, self._cache, self._catalog)
        rows, touched = merged_rows(held, partition, self._cache)
        unique = {row[:4]: row for row in (*rederived, *rows)}
        await _put(connection, usage_totals.UPSERT, [unique[key] for key in sorted(unique)], usage_totals.WIDTH)
        return touched

    async def _write_directory(
        self, connection: Any, states: Sequence[PartitionState], touched: dict[str, FamilyState]
    ) -> None:
        rows = []
        for root_id in sorted({root_id for state in states for root_id in state.unwritten.families}):
            found = self._cache.get(root_id)
            assert found is not None, "a family with unwritten facts stays in memory"
            family = touched[root_id] = found
            rows += directory.directory_rows(family.organization, family.partition, root_id, family.members)
        await _put(connection, directory.UPSERT, sorted(rows), directory.WIDTH)

    async def _mark_touched(self, connection: Any, state: PartitionState) -> None:
        partition, catalogs = state.position.partition, self._catalog.organizations
        for change in state.unwritten.changes:
            if change.plans is None:
                await connection.execute(due.MARK_ORGANIZATION, partition, change.organization, "catalog")
            elif change.plans:
                await connection.execute(due.MARK_PLANS, partition, change.organization, sorted(change.plans))
        for organization in sorted(state.unwritten.ticked):
            await connection.execute(due.MARK_ORGANIZATION, partition, organization, "clock")
        tick = state.position.tick
        if tick is not None and tick != state.stored_tick:
            zones = [row["timezone"] for row in await connection.fetch(due.ZONES, partition)]
            moved = [zone for zone in zones if _day_moved(zone, state.stored_tick, tick)]
            testing = [name for name, held in catalogs.items() if held.config and held.config.body.test_clock]
            await connection.execute(due.MARK_ZONES, partition, moved, testing)

    async def _settle(
        self,
        connection: Any,
        states: Sequence[PartitionState],
        touched: dict[str, FamilyState],
        waiting: list[Root],
        *,
        is_quiet: bool,
    ) -> int:
        """Balances of whom records touched; all rows of who is due, and of whom draws and lines have waited."""
        by_partition = {state.position.partition: state for state in states}
        ahead, whole = _Settled(), _Settled()
        for count, family in enumerate(touched.values()):
            ahead.note(family, self._settler.settle(family, by_partition[family.partition]))
            if count % 64 == 63:
                await asyncio.sleep(0)  # heartbeats of the consumer share this loop
        deadline = time.monotonic() + DUE_SECONDS
        for family in await self._load_due(connection, [root for root in waiting if root[1] not in touched]):
            whole.note(family, self._settle_whole(family, by_partition[family.partition]))
            if time.monotonic() > deadline:
                break
        for family in ahead.settled:
            self._behind.note((family.organization, family.root_id, family.partition))
        deadline = time.monotonic() + (DUE_SECONDS if is_quiet else self._lines_seconds())
        for root in self._behind.next(all_of_them=is_quiet):
            for family in await self._load_due(connection, [root]):
                whole.note(family, self._settle_whole(family, by_partition[family.partition]))
            if time.monotonic() > deadline:
                break
        await self._settler.flush(connection)
        await self._note_settled(connection, by_partition, ahead, whole)
        return len(ahead.settled) + len(whole.settled)

    def _lines_seconds(self) -> float:
        """How long draws and lines may take in this transaction; it follows how rare transactions are."""
        before, self._written_at = self._written_at, time.monotonic()
        return max(LINES_LEAST_SECONDS, LINES_SHARE * min(self._written_at - before, 2 * LINES_SECONDS))

    def _settle_whole(self, family: FamilyState, state: PartitionState) -> bool:
        return self._settler.settle(family, state) and self._settler.write_behind(family, state)

    async def _note_settled(
        self, connection: Any, states: Mapping[int, PartitionState], ahead: "_Settled", whole: "_Settled"
    ) -> None:
        done = [family.root_id for family in whole.settled]
        # How far draws and lines of the others hold: what was written before this transaction.
        behind = [
            (one.root_id, one.organization, one.partition, states[one.partition].position.stored)
            for one in ahead.settled
        ]
        await _put(connection, due.BEHIND, sorted(behind), due.BEHIND_WIDTH)
        await connection.execute(due.SETTLED, done)
        failed = [*ahead.failed, *whole.failed]
        await self._mark_due(connection, states.values(), failed, "failed")
        self._behind.written([*done, *(family.root_id for family in failed)])
        now_settled = {family.root_id for family in (*ahead.settled, *whole.settled)}
        self._failed = (self._failed - now_settled) | {family.root_id for family in failed}

    async def _mark_due(
        self, connection: Any, states: Iterable[PartitionState], families: Iterable[FamilyState], reason: str
    ) -> None:
        held = {state.position.partition: state.position.stored for state in states}
        marked = sorted((one.root_id, one.organization, one.partition, reason, held[one.partition]) for one in families)
        await _put(connection, due.MARK, marked, due.MARK_WIDTH)

    async def _load_due(self, connection: Any, roots: list[Root]) -> list[FamilyState]:
        for family in await load_families(connection, [root for root in roots if self._cache.get(root[1]) is None]):
            self._cache.add(family)
        return [held for _, root_id, _ in roots if (held := self._cache.get(root_id)) is not None]


@dataclass(slots=True)
class _Settled:
    """Families that were settled, and those that could not be."""

    settled: list[FamilyState] = field(default_factory=list)
    failed: list[FamilyState] = field(default_factory=list)

    def note(self, family: FamilyState, is_settled: bool) -> None:
        (self.settled if is_settled else self.failed).append(family)


def _day_moved(zone: str, before: datetime | None, now: datetime) -> bool:
    return before is None or local_day(before, zone) != local_day(now, zone)


async def _put(connection: Any, statement: str, rows: Sequence[Sequence[Any]], width: int) -> None:
    if rows:
        await connection.execute(statement, *columns(rows, width))
