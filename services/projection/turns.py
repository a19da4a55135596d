"""The order of settling in a transaction: first balances, then draws and accrued lines, outlooks last, each for a
bounded time.

Roots that are left over are marked in `due_accounts`, and come before all that are affected later: the longest waiting
are first. So neither many accounts nor one busy account keeps others waiting for ever, and transactions do not grow
with them.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from projections.readmodels import due
from services.projection.behind import Behind, Marks, mark_behind, mark_due
from services.projection.settled_families import Depth, SettledFamilies
from services.projection.settling import Catalogs, Settler
from services.projection.unwritten import PartitionState
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, Root
from services.readside.loading import load_families
from services.sight.metrics import LINES

#: Longest wait of draws and lines while records keep coming; without new records they are written sooner.
LINES_SECONDS = 0.75
#: Longest wait of outlooks: they cover weeks, and cost as much as all other later rows if usage comes for days that are
#: over.
OUTLOOKS_SECONDS = 30.0
#: Time for settling balances of affected roots in a transaction; enough for some thousands of roots.
TOUCHED_SECONDS = 0.5
#: While records keep coming, due roots get this part of the time, and draws and lines as much, and each at least so
#: long in a transaction.
ASIDE_SHARE = 0.25
ASIDE_LEAST_SECONDS = 0.02
#: Time for due roots, and for draws and lines, while no records come.
QUIET_SECONDS = 0.5
#: The number of roots settled without a pause, because the consumer's heartbeats share this loop.
WITHOUT_PAUSE = 64


class Turns:
    """Settles families of some partitions, and remembers whose draws and lines, and whose outlooks, lag behind."""

    def __init__(self, catalog: Catalogs, cache: FamilyCache) -> None:
        self._cache = cache
        self._settler = Settler(catalog)
        #: Affected roots for whose balances no time was left.
        self._left = Behind(0.0)
        self._lines, self._outlooks = Behind(LINES_SECONDS), Behind(OUTLOOKS_SECONDS)
        self._settled_at = time.monotonic()
        #: Seconds of the last transaction for due roots, draws and lines, not for roots affected by its records.
        self.aside_seconds = 0.0
        #: Time for due roots, and then for draws and lines.
        self._aside = ASIDE_LEAST_SECONDS
        #: Seconds of the last transaction for roots that an earlier one had left over.
        self.left_over_seconds = 0.0
        #: Seconds of the last transaction for settling all families, with their rows.
        self.settle_seconds = 0.0
        #: Whether the last transaction left due roots for the next one.
        self.has_more_due = False
        self._marks = Marks()
        #: Roots that failed; these are tried again when something about them changes, or elsewhere.
        self._failed: dict[str, Root] = {}

    @property
    def is_behind(self) -> bool:
        """Whether draws and lines, or outlooks, of some roots still lag behind their balances."""
        return bool(self._lines) or bool(self._outlooks)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another process may write."""
        others = set(partitions)
        for roots in (self._left, self._lines, self._outlooks, self._settler, self._marks):
            roots.forget(others)
        self._failed = {id: root for id, root in self._failed.items() if root.partition not in others}

    def try_again(self, organization: str | None) -> None:
        """Settle failed roots again, because the organization's catalog or day changed; None: everybody's day."""
        self._failed = {id: root for id, root in self._failed.items() if organization not in (None, root.organization)}

    async def any_due(self, connection: Any, states: Sequence[PartitionState]) -> bool:
        """Whether anything waits to be settled, or to be written after its balances."""
        return self.is_behind or bool(self._left) or bool(await self._next_due(connection, states, 1))

    async def settle(
        self,
        connection: Any,
        states: Sequence[PartitionState],
        touched: Mapping[str, FamilyState],
        due_limit: int,
        *,
        is_quiet: bool,
    ) -> int:
        """Settle the balances of roots that records affected or that are due; returns their number.

        Roots that were left over come first, then affected ones, in which due ones are first, then all other due ones.
        Their later rows are written here only in quiet times; while records keep coming, `follow` writes them.
        """
        started, self.left_over_seconds = time.monotonic(), 0.0
        due_roots = await self._next_due(connection, states, due_limit)
        self._marks.gone(root.id for root in due_roots)  # their rows have another reason now
        waiting = [root for root in due_roots if root.id not in touched and root.id not in self._left]
        touched = {root.id: touched[root.id] for root in due_roots if root.id in touched} | dict(touched)
        transaction, depth = SettledFamilies.over(connection, states), Depth.WHOLE if is_quiet else Depth.BALANCES
        left = await self._settle_touched(transaction, touched)
        self._left.note(family.root for family in left)
        aside_from = time.monotonic()
        self._aside = QUIET_SECONDS if is_quiet else self._aside_seconds()
        done = await self._settle_roots(transaction, waiting, depth)
        self._lines.note(family.root for family in transaction.settled[Depth.BALANCES])
        if is_quiet:
            await self._settle_behind(transaction, all_of_them=True)
        self.aside_seconds = time.monotonic() - aside_from
        await self._settler.flush(connection)
        await self._note_settled(transaction)
        await mark_due(connection, states, left, "usage")
        self._marks.gone(family.root_id for family in left)
        self.has_more_due = bool(self._left) or len(due_roots) >= due_limit or done < len(waiting)
        self.settle_seconds = time.monotonic() - started
        return transaction.count

    def is_late(self, states: Iterable[PartitionState]) -> bool:
        """Whether draws and lines, or outlooks, of any root in these partitions have waited as long as they may."""
        partitions = {state.position.partition for state in states}
        return any(behind.next(partitions, all_of_them=False) for behind in (self._lines, self._outlooks))

    async def follow(self, connection: Any, states: Sequence[PartitionState]) -> int:
        """Write draws and lines, and outlooks, that have waited as long as they may; returns the number of roots.

        It is a transaction after that of the balances, so no balance waits for it.
        """
        started = time.monotonic()
        transaction = SettledFamilies.over(connection, states)
        await self._settle_behind(transaction, all_of_them=False)
        await self._settler.flush(connection)
        await self._note_settled(transaction)
        seconds = time.monotonic() - started
        self.aside_seconds += seconds
        self.settle_seconds += seconds
        return transaction.count

    async def _settle_behind(self, transaction: SettledFamilies, *, all_of_them: bool) -> None:
        """Write draws and lines, and then outlooks, of all roots that lag behind, or of those that have waited long
        enough.
        """
        behind = self._lines.next(transaction.states, all_of_them=all_of_them)
        await self._settle_roots(transaction, behind, Depth.WHOLE if all_of_them else Depth.LINES)
        done_already = {family.root_id for family in transaction.settled[Depth.WHOLE]}
        late = self._outlooks.next(transaction.states, all_of_them=all_of_them)
        await self._settle_roots(transaction, [root for root in late if root.id not in done_already], Depth.WHOLE)

    async def _settle_touched(
        self, transaction: SettledFamilies, touched: Mapping[str, FamilyState]
    ) -> list[FamilyState]:
        """Settle balances of families that were left over, then of affected ones; returns who is left over only now."""
        started = time.monotonic()
        deadline = started + TOUCHED_SECONDS
        waiting = self._left.next(transaction.states, all_of_them=True)
        newly = [family for id, family in touched.items() if id not in self._left]
        for start in range(0, len(waiting), WITHOUT_PAUSE):
            families = await self._load(transaction.connection, waiting[start : start + WITHOUT_PAUSE])
            settled = await self._settle_balances(transaction, families, deadline)
            self.left_over_seconds = time.monotonic() - started
            if settled < len(families):
                return newly
        for start in range(0, len(newly), WITHOUT_PAUSE):
            families = newly[start : start + WITHOUT_PAUSE]
            settled = await self._settle_balances(transaction, families, deadline)
            if settled < len(families):
                return newly[start + settled :]
        return []

    async def _settle_balances(
        self, transaction: SettledFamilies, families: Sequence[FamilyState], deadline: float
    ) -> int:
        """Settle the balances of these, at least of one, until the deadline; returns how many, once others could
        run.
        """
        settled = 0
        for family in families:
            self._settle_one(transaction, family, Depth.BALANCES)
            settled += 1
            if time.monotonic() > deadline:
                break
        await asyncio.sleep(0)
        return settled

    async def _settle_roots(self, transaction: SettledFamilies, roots: Sequence[Root], depth: Depth) -> int:
        """Settle as many of these roots as the time beside affected roots allows, at least one; returns their
        number.
        """
        deadline, done = time.monotonic() + self._aside, 0
        for start in range(0, len(roots), WITHOUT_PAUSE):
            for family in await self._load(transaction.connection, roots[start : start + WITHOUT_PAUSE]):
                self._settle_one(transaction, family, depth)
                done += 1
                if time.monotonic() > deadline:
                    return done
        return done

    def _settle_one(self, transaction: SettledFamilies, family: FamilyState, depth: Depth) -> None:
        state = transaction.states[family.partition]
        is_settled = self._settler.settle(family, state)
        if is_settled and depth is not Depth.BALANCES:
            started = time.thread_time()
            is_settled = self._settler.write_behind(family, state, outlooks=depth is Depth.WHOLE)
            self._lines.took(family.root_id, time.thread_time() - started)
        transaction.note(family, depth, is_settled)

    def _aside_seconds(self) -> float:
        """Time for due roots, and for draws and lines, in this transaction; it grows as affected roots become rare."""
        before, self._settled_at = self._settled_at, time.monotonic()
        return max(ASIDE_LEAST_SECONDS, ASIDE_SHARE * min(self._settled_at - before, 2 * LINES_SECONDS))

    async def _note_settled(self, transaction: SettledFamilies) -> None:
        """Write to `due_accounts` which rows of the settled families are still to follow, and remember it."""
        connection, states, settled = transaction.connection, transaction.states.values(), transaction.settled
        await mark_behind(connection, states, self._marks.newly(settled[Depth.BALANCES]), due.BEHIND)
        await mark_behind(connection, states, settled[Depth.LINES], due.WITHOUT_OUTLOOKS)
        await connection.execute(due.SETTLED, [family.root_id for family in settled[Depth.WHOLE]])
        for reason in due.REASONS_FAILED:
            await mark_due(connection, states, self._settler.unsettled.among(transaction.failed, reason), reason)
        self._remember(settled, transaction.failed)

    def _remember(self, settled: Mapping[Depth, list[FamilyState]], failed: Sequence[FamilyState]) -> None:
        """The settled families wait only for the rows that are left; failed ones wait for none."""
        followed, failures = settled[Depth.LINES], {family.root_id: family.root for family in failed}
        wait_for_nothing = failures.keys() | {family.root_id for family in settled[Depth.WHOLE]}
        have_lines = wait_for_nothing | {family.root_id for family in followed}
        self._lines.written(failures)
        for seconds in self._lines.written(have_lines):
            LINES.observe(seconds)
        self._marks.gone(have_lines)
        self._outlooks.written(wait_for_nothing)
        self._outlooks.note(family.root for family in followed if family.root_id not in wait_for_nothing)
        now_settled = {family.root_id for families in settled.values() for family in families}
        self._left.written(now_settled | failures.keys())
        self._failed = {id: root for id, root in self._failed.items() if id not in now_settled} | failures

    async def _next_due(self, connection: Any, states: Sequence[PartitionState], limit: int) -> list[Root]:
        partitions = sorted(state.position.partition for state in states)
        # Failed roots stay due; asking for that many more keeps them from crowding out the rest.
        rows = await connection.fetch(due.NEXT, partitions, limit + len(self._failed))
        roots = [Root(row["organization"], row["root_id"], row["partition"]) for row in rows]
        return [root for root in roots if root.id not in self._failed][:limit]

    async def _load(self, connection: Any, roots: Sequence[Root]) -> list[FamilyState]:
        for family in await load_families(connection, [root for root in roots if self._cache.get(root.id) is None]):
            self._cache.add(family)
        return [cached for root in roots if (cached := self._cache.get(root.id)) is not None]
