"""The projection: records in, rows out. The live worker, replay and audit are hosts around this one class.

Memory is ahead of Postgres between `fold` and `write`; after any failure in between, the host drops the partitions and
loads them again. Rows are a function of (log prefix, catalog prefix), both of which stand in `positions`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from events.envelope import Envelope
from events.sources import Origins
from events.topics import EVENTS
from events.zones import ZoneDays
from projections.readmodels import directory, due
from projections.usage import CellKey, MeterPlan, meter_plans
from services.kafka import LogReader, Polled
from services.projection.catalog_fold import CatalogLog
from services.projection.corrected_totals import Correcting, Ranges, corrections_in, known_corrections, written_ranges
from services.projection.fold import apply_facts, changed_aggregations, note_usage, rederive
from services.projection.schemas import Target
from services.projection.settling import merge_cells
from services.projection.taking import BrokenLogError, take
from services.projection.turns import Turns
from services.projection.unwritten import PartitionState, new_partition
from services.projection.write import Writer
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, Root
from services.readside.loading import load_families, read_clocks, read_positions, roots_of, take_lease
from services.store.generations import check_origins

#: Most due roots that one transaction settles, if there is time.
DUE_BATCH = 1_000


class Projection:
    """Some partitions of `billing.events` in memory, with their unwritten changes."""

    def __init__(self, target: Target, reader: LogReader, origins: Origins) -> None:
        self.target = target
        self.reader = reader
        self._origins = origins
        self.catalog = CatalogLog(origins)
        self.cache = FamilyCache()
        self.partitions: dict[int, PartitionState] = {}
        self._plans: dict[str, MeterPlan] = {}
        self._planned = 0
        self._writer = Writer(self.catalog, self.cache)

    @property
    def unwritten_records(self) -> dict[int, int]:
        """The number of folded but unwritten records, by partition."""
        return {number: state.unwritten.records for number, state in self.partitions.items() if state.unwritten.records}

    @property
    def unwritten_work(self) -> dict[int, int]:
        """What each partition with anything to write is expected to cost, in changed totals."""
        return {partition: state.unwritten.work for partition, state in self.partitions.items() if state.dirty}

    async def load(self, partitions: Sequence[int], *, lease: bool = True, catalog_end: int | None = None) -> None:
        """Load these partitions from Postgres, replacing any memory of them."""
        self.drop(partitions)
        async with self.target.writing() as connection:
            if lease:
                positions = await take_lease(connection, partitions)
            else:
                positions = await read_positions(connection, partitions)
            await connection.execute(due.TAKE_OVER, sorted(partitions))
            for partition in partitions:
                clocks = await read_clocks(connection, partition)
                self.partitions[partition] = new_partition(positions[partition], clocks)
        await self._advance(catalog_end)

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget these partitions, written or not."""
        listed = list(partitions)
        self.cache.drop_partitions(listed)
        self._writer.forget(listed)
        for partition in listed:
            self.partitions.pop(partition, None)

    @property
    def stopped(self) -> dict[int, str]:
        """Partitions whose fold has stopped at a record that this program does not understand, with the reason."""
        return {partition: state.stopped for partition, state in self.partitions.items() if state.stopped is not None}

    async def fold(self, polled: Mapping[int, Polled]) -> None:
        """Fold records into memory. Raises: BrokenLogError; then load again or stop."""
        topic = self.reader.cluster.topic(EVENTS)
        taken = {
            partition: take(self.partitions[partition].position, records, self._origins, topic)
            for partition, records in polled.items()
            if self.partitions[partition].stopped is None
        }
        await self._load_accounts({account for decoded in taken.values() for account in decoded.accounts()})
        for partition, decoded in taken.items():
            state = self.partitions[partition]
            apply_facts(state, decoded, self.cache, topic)
            note_usage(state, decoded)
            state.unwritten.add_usage(decoded, self._plans, self.cache.zones)
            state.stop(decoded.stopped)
        for partition, decoded in taken.items():
            if corrections := corrections_in(decoded):
                await self._correct(self.partitions[partition], corrections)

    @property
    def has_more_due(self) -> bool:
        """Whether the last write left due roots for the next one."""
        return self._writer.turns.has_more_due

    @property
    def turns(self) -> Turns:
        """Whose turn it was to settle in the last write, and how long that took."""
        return self._writer.turns

    @property
    def is_behind(self) -> bool:
        """Whether draws and lines, or outlooks, of some roots still lag behind their balances."""
        return self._writer.turns.is_behind

    async def write(
        self,
        *,
        catalog_end: int | None = None,
        due_limit: int = DUE_BATCH,
        settle: bool = True,
        quiet: bool = True,
        only: Collection[int] | None = None,
    ) -> int:
        """Bring the catalog to its end (or to `catalog_end`) and write all changes in one transaction.

        While records keep coming, draws and lines that have waited long enough follow in a transaction of their own.
        Returns how many roots were settled; 0 means that nothing was left to do. Without `settle`, roots are only
        marked as due. Not `quiet`: more records are about to come, so everything that may wait waits. `only`: of the
        partitions with changes, write only these; due roots in the others are settled in any case.
        Raises: LeaseLostError; GenerationsMovedError, if a supposed stranger's record may be ours.
        """
        await self._advance(catalog_end)
        states = [at for number, at in self.partitions.items() if only is None or number in only or not at.dirty]
        async with self.target.writing() as connection:
            if any(state.unwritten.foreign for state in states):
                await check_origins(connection, self._origins)
            settled = await self._writer.write(connection, states, due_limit, settle=settle, quiet=quiet)
        touched = sum(len(state.unwritten.merged) for state in states)
        for state in states:
            state.committed()
        if settle and not quiet and self._writer.turns.is_late(states):
            async with self.target.writing() as connection:
                settled += await self._writer.follow(connection, states)
        self.cache.shrink(touched, kept=self.unwritten_work)
        return settled

    async def due(self) -> int:
        """The number of due roots."""
        async with self.target.reading() as connection:
            return int(await connection.fetchval(due.COUNT, sorted(self.partitions)))

    async def follow(self, catalog_end: int) -> None:
        """Bring the catalog up to this offset, in memory."""
        await self._advance(catalog_end)

    async def _advance(self, catalog_end: int | None) -> None:
        """Follow the catalog, and bring every partition up to it in memory before anything more is folded."""
        await self.catalog.catch_up(self.reader, until=catalog_end)
        if self._planned != self.catalog.offset:
            self._plan()
        for state in self.partitions.values():
            if state.position.catalog_offset < self.catalog.offset:
                await self._advance_partition(state)

    async def _advance_partition(self, state: PartitionState) -> None:
        """Derive past totals for changed aggregations, and mark roots to settle again."""
        unwritten, position = state.unwritten, state.position
        changes = self.catalog.changes_since(position.catalog_offset)
        before = position.catalog_offset
        unwritten.note_catalog(changes, self.catalog.rows_since(before), self.catalog.foreign_since(before))
        changed = changed_aggregations(changes)
        if changed:
            await self._derive_anew(state, changed)
        position.follow_catalog(self.catalog.offset)

    async def _derive_anew(self, state: PartitionState, changed: Mapping[str, set[str]]) -> None:
        """Totals of these aggregations, by organization, from everything folded so far."""
        unwritten, position = state.unwritten, state.position
        async with self.target.reading() as connection:
            corrections = await known_corrections(connection, position.partition, changed, unwritten.facts)
        zones = await self._zones(position.partition)
        rederived = await rederive(
            self.reader, position, self.catalog.organizations, changed, zones, self._origins, corrections
        )
        # The derived totals include everything folded so far.
        unwritten.derive_anew(set().union(*changed.values()), rederived)

    async def _correct(self, state: PartitionState, corrections: Sequence[Envelope]) -> None:
        """Apply corrections of usage to the totals of families in memory.

        Totals that were derived again but not written yet are not among them: these are derived once more, with the
        corrections.
        """
        unwritten = state.unwritten
        if unwritten.aggregations:
            catalogs, anew = self.catalog.organizations, unwritten.aggregations
            changed = {organization: anew & of.aggregations.keys() for organization, of in catalogs.items()}
            await self._derive_anew(state, changed)
        merge_cells(unwritten, self.cache, self.catalog)
        correcting = Correcting(
            self.reader, self._ranges, state.position.partition, self._origins, self._plans, self.cache,
            unwritten.aggregations,
        )  # fmt: skip
        unwritten.note_corrected(await correcting.correct(corrections))

    async def _ranges(self, keys: Collection[CellKey]) -> Ranges:
        async with self.target.reading() as connection:
            return await written_ranges(connection, keys)

    async def family(self, root_id: str, organization: str, partition: int) -> FamilyState:
        """The family as of everything folded, written or not."""
        unwritten = self.partitions[partition].unwritten
        if unwritten.aggregations:
            await self.write(catalog_end=self.catalog.offset, settle=False)
        merge_cells(unwritten, self.cache, self.catalog)
        family = self.cache.get(root_id)
        if family is None:
            async with self.target.reading() as connection:
                [family] = await load_families(connection, [Root(organization, root_id, partition)])
            self.cache.add(family)
        return family

    async def _zones(self, partition: int) -> dict[str, ZoneDays]:
        async with self.target.reading() as connection:
            rows = await connection.fetch(directory.ZONES, partition)
        return {row["account_id"]: self.cache.days_in(row["timezone"]) for row in rows} | self.cache.zones

    def _plan(self) -> None:
        self._plans = {}
        self._planned = self.catalog.offset
        for catalog in self.catalog.organizations.values():
            self._plans |= meter_plans(catalog)

    async def _load_accounts(self, accounts: set[str]) -> None:
        missing = [account for account in accounts if self.cache.of_account(account) is None]
        if missing:
            async with self.target.reading() as connection:
                for family in await load_families(connection, await roots_of(connection, missing)):
                    self.cache.add(family)
        unknown = [account for account in missing if account not in self.cache.zones]
        if unknown:
            raise BrokenLogError(f"the log tells of account {unknown[0]} before it was created")
