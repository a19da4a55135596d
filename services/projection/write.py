"""One transaction: everything that was folded since the last one, and the settlement of whom it touched.

Order matters in two places. The positions move first: their compare-and-set fails for a zombie before it has done
anything. The marks come after the directory's rows, which say whom a new price or a new day concerns.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from projections.calendar import local_day
from projections.readmodels import columns, directory, due, facts, foreign_records, positions, seen_ids, usage_totals
from projections.readmodels.usage_totals import TotalRow
from services.projection.catalog import CatalogLog
from services.projection.partition import PartitionState
from services.projection.settling import Settler, merge_cells, merged_rows, rederived_rows, replace_aggregations
from services.readside.family_state import FamilyCache, FamilyState
from services.readside.loading import Root, load_families

#: Due roots are settled for at most this long per transaction, so that new records never wait for old marks.
DUE_SECONDS = 0.5


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
        """Write and settle; returns the number of roots that were settled. Raises: LeaseLostError.

        Without `settle` the touched roots are only marked as due: a rebuild settles each of them once, at its end.
        """
        dirty = [state for state in states if state.dirty]
        if not dirty and not await self._next_due(connection, states, 1):
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
            await self._mark_due(connection, touched.values(), "rebuild")
            return 0
        waiting = await self._next_due(connection, states, due_limit)
        return await self._settle(connection, states, touched, waiting)

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
    ) -> int:
        by_partition = {state.position.partition: state for state in states}
        settled: list[str] = []
        failed: list[FamilyState] = []

        def settle(family: FamilyState) -> None:
            if self._settler.settle(family, by_partition[family.partition]):
                settled.append(family.root_id)
            else:
                failed.append(family)

        for count, family in enumerate(touched.values()):
            settle(family)
            if count % 64 == 63:
                await asyncio.sleep(0)  # heartbeats of the consumer share this loop
        deadline = time.monotonic() + DUE_SECONDS
        for family in await self._load_due(connection, [root for root in waiting if root[1] not in touched]):
            settle(family)
            if time.monotonic() > deadline:
                break
        await self._settler.flush(connection)
        await connection.execute(due.SETTLED, settled)
        await self._mark_due(connection, failed, "failed")
        self._failed = self._failed.difference(settled) | {family.root_id for family in failed}
        return len(settled)

    async def _mark_due(self, connection: Any, families: Iterable[FamilyState], reason: str) -> None:
        marked = sorted((one.root_id, one.organization, one.partition, reason) for one in families)
        await _put(connection, due.MARK, marked, 4)

    async def _load_due(self, connection: Any, roots: list[Root]) -> list[FamilyState]:
        for family in await load_families(connection, [root for root in roots if self._cache.get(root[1]) is None]):
            self._cache.add(family)
        return [held for _, root_id, _ in roots if (held := self._cache.get(root_id)) is not None]


def _day_moved(zone: str, before: datetime | None, now: datetime) -> bool:
    return before is None or local_day(before, zone) != local_day(now, zone)


async def _put(connection: Any, statement: str, rows: Sequence[Sequence[Any]], width: int) -> None:
    if rows:
        await connection.execute(statement, *columns(rows, width))
