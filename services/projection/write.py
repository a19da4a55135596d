"""One transaction: everything folded since the last one, and the settlement of the affected roots.

The order matters in two places. The positions move first: their compare-and-set stops a zombie before it has done
anything. The marks come after the directory's rows, which say which accounts a new price or a new day affects.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from projections.calendar import local_day
from projections.readmodels import columns, directory, due, facts, foreign_records, positions, seen_ids, usage_totals
from projections.readmodels.usage_totals import TotalRow
from services.projection.behind import mark_due
from services.projection.catalog_fold import CatalogLog
from services.projection.settled_tables import put
from services.projection.settling import merge_cells, merged_rows, rederived_rows, replace_aggregations
from services.projection.turns import Turns
from services.projection.unwritten import PartitionState
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState


class LeaseLostError(Exception):
    """These partitions belong to another worker now; nothing was written."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = sorted(partitions)
        super().__init__(f"another worker moved partitions {self.partitions}")


class Writer:
    """Writes the unwritten changes of partitions."""

    def __init__(self, catalog: CatalogLog, cache: FamilyCache) -> None:
        self._catalog = catalog
        self._cache = cache
        self.turns = Turns(catalog, cache)

    async def write(
        self,
        connection: Any,
        states: Sequence[PartitionState],
        due_limit: int,
        *,
        settle: bool,
        quiet: bool,
    ) -> int:
        """Write and settle; returns the number of settled roots. Raises: LeaseLostError.

        Without `settle`, affected roots are only marked as due: a rebuild settles each root once, at its end.
        """
        dirty = [state for state in states if state.dirty]
        if not dirty and not await self.turns.any_due(connection, states):
            return 0
        # All positions, moved or not: a worker that only settles must own its partitions, too.
        await self._move_positions(connection, states)
        await self._write_records(connection, dirty)
        touched: dict[str, FamilyState] = {}
        for state in dirty:
            touched |= await self._write_totals(connection, state)
        await self._write_directory(connection, dirty, touched)
        for state in dirty:
            await self._mark_touched(connection, state)
        if not settle:
            await mark_due(connection, states, touched.values(), "rebuild")
            return 0
        return await self.turns.settle(connection, states, touched, due_limit, is_quiet=quiet and not dirty)

    async def follow(self, connection: Any, states: Sequence[PartitionState]) -> int:
        """Write later rows that have waited long enough after their balances; returns the number of roots.

        Raises: LeaseLostError.
        """
        await self._move_positions(connection, states)
        return await self.turns.follow(connection, states)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another process may write."""
        self.turns.forget(partitions)

    async def _move_positions(self, connection: Any, states: Sequence[PartitionState]) -> None:
        arguments = positions.move_arguments([state.position for state in states])
        moved = {row["partition"] for row in await connection.fetch(positions.MOVE, *arguments)}
        lost = {state.position.partition for state in states} - moved
        if lost:
            raise LeaseLostError(lost)

    async def _write_records(self, connection: Any, states: Sequence[PartitionState]) -> None:
        unwritten = [state.unwritten for state in states]
        # Each partition that moves past catalog facts writes their rows; writing them twice is harmless.
        fact_rows = {(row.partition, row.log_offset): row for changes in unwritten for row in changes.facts}
        await put(connection, facts.INSERT, [fact_rows[key] for key in sorted(fact_rows)], facts.WIDTH)
        strangers = sorted({row for changes in unwritten for row in changes.foreign})
        await put(connection, foreign_records.INSERT, strangers, foreign_records.WIDTH)
        read = sorted(row for changes in unwritten for row in changes.usage_read.values())
        await put(connection, positions.PUT_USAGE, read, positions.USAGE_WIDTH)
        id_rows = [row for state in states if (row := state.seen_row()) is not None]
        await put(connection, seen_ids.INSERT, id_rows, seen_ids.WIDTH)
        limits = [(state.position.partition, oldest) for state in states if (oldest := state.oldest_id()) is not None]
        if id_rows:
            await connection.execute(seen_ids.DROP_OLD, *columns(limits, 2))
        for changes in unwritten:
            await changes.bills.write(connection)

    async def _write_totals(self, connection: Any, state: PartitionState) -> dict[str, FamilyState]:
        """Totals of one partition; returns the families whose totals changed."""
        unwritten, partition = state.unwritten, state.position.partition
        rederived: list[TotalRow] = []
        if unwritten.aggregations:
            await connection.execute(usage_totals.DROP_AGGREGATIONS, partition, sorted(unwritten.aggregations))
            replace_aggregations(
                self._cache.in_use(partition), unwritten.aggregations, unwritten.rederived, self._catalog
            )
            rederived = rederived_rows(unwritten.rederived, partition, self._catalog)
        merge_cells(unwritten, self._cache, self._catalog)
        rows, touched = merged_rows(unwritten, partition, self._cache)
        unique = {row[:4]: row for row in (*rederived, *rows)}
        await put(connection, usage_totals.UPSERT, [unique[key] for key in sorted(unique)], usage_totals.WIDTH)
        return touched

    async def _write_directory(
        self, connection: Any, states: Sequence[PartitionState], touched: dict[str, FamilyState]
    ) -> None:
        rows = []
        for root_id in sorted({root_id for state in states for root_id in state.unwritten.families}):
            family = self._cache.get(root_id)
            assert family is not None, "a family with unwritten facts stays in memory"
            touched[root_id] = family
            rows += directory.directory_rows(family.organization, family.partition, root_id, family.members)
        await put(connection, directory.UPSERT, sorted(rows), directory.WIDTH)

    async def _mark_touched(self, connection: Any, state: PartitionState) -> None:
        partition, catalogs = state.position.partition, self._catalog.organizations
        changes = state.unwritten.changes
        for organization in sorted({change.organization for change in changes if change.plans is None}):
            await connection.execute(due.MARK_ORGANIZATION, partition, organization, "catalog")
        for change in changes:
            if change.plans:
                await connection.execute(due.MARK_PLANS, partition, change.organization, sorted(change.plans))
        for organization in {change.organization for change in changes} | set(state.unwritten.ticked):
            self.turns.try_again(organization)
        accounts = {(change.organization, account) for change in changes for account in change.accounts}
        for organization in sorted({organization for organization, _ in accounts}):
            of_it = sorted(account for whose, account in accounts if whose == organization)
            await connection.execute(due.MARK_ACCOUNTS, partition, organization, of_it)
        for organization in sorted(state.unwritten.ticked):
            await connection.execute(due.MARK_ORGANIZATION, partition, organization, "clock")
        tick = state.position.tick
        if tick is not None and tick != state.stored_tick:
            zones = [row["timezone"] for row in await connection.fetch(due.ZONES, partition)]
            moved = [zone for zone in zones if _day_moved(zone, state.stored_tick, tick)]
            testing = [name for name, catalog in catalogs.items() if catalog.has_test_clock]
            await connection.execute(due.MARK_ZONES, partition, moved, testing)
            if moved:
                self.turns.try_again(None)


def _day_moved(zone: str, before: datetime | None, now: datetime) -> bool:
    return before is None or local_day(before, zone) != local_day(now, zone)
