"""Whose turn it is to settle in a transaction: first balances, then draws and accrued lines, outlooks last, each for a
bounded time.

Whoever is left over is marked in `due_accounts`, and who waits longest comes first: neither many accounts nor one that
is always busy keeps anybody waiting for ever, and no transaction grows with them.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from projections.readmodels import due
from services.projection.behind import Behind, Marks, mark_behind, mark_due
from services.projection.settling import Catalogs, Settler
from services.projection.unwritten import PartitionState
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, Root
from services.readside.loading import load_families

#: How long draws and lines may wait while records keep coming; they are written sooner when none do.
LINES_SECONDS = 1.5
#: How long outlooks may: they tell of weeks, and cost as much as all else that follows when usage comes for days that
#: are over.
OUTLOOKS_SECONDS = 30.0
#: How long balances of touched roots are settled in a transaction; some thousands of roots.
TOUCHED_SECONDS = 0.5
#: While records keep coming, due roots are settled for this part of the time, draws and lines are written for as much,
#: and each at least so long in a transaction.
ASIDE_SHARE = 0.25
ASIDE_LEAST_SECONDS = 0.02
#: How long due roots are settled, and how long draws and lines are written, while none come.
QUIET_SECONDS = 0.5
#: Heartbeats of the consumer share this loop: how many roots are settled without a pause.
WITHOUT_PAUSE = 64


class Depth(Enum):
    """How much of a settled family is written."""

    BALANCES = "balances"
    #: Draws and accrued lines, too.
    LINES = "lines"
    #: Outlooks, too.
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class _Transaction:
    """Families that were settled in it, by how deep, and those that could not be."""

    connection: Any
    states: Mapping[int, PartitionState]
    settled: Mapping[Depth, list[FamilyState]] = field(default_factory=lambda: {depth: [] for depth in Depth})
    failed: list[FamilyState] = field(default_factory=list)

    @classmethod
    def over(cls, connection: Any, states: Iterable[PartitionState]) -> Self:
        """One in which nothing was settled yet."""
        return cls(connection, {state.position.partition: state for state in states})

    def note(self, family: FamilyState, depth: Depth, is_settled: bool) -> None:
        """That it was settled, or failed to be."""
        (self.settled[depth] if is_settled else self.failed).append(family)

    @property
    def count(self) -> int:
        """How many were settled."""
        return sum(map(len, self.settled.values()))


class Turns:
    """Settles families of some partitions, and remembers whose draws and lines, and whose outlooks, are behind."""

    def __init__(self, catalog: Catalogs, cache: FamilyCache) -> None:
        self._cache = cache
        self._settler = Settler(catalog)
        self._lines, self._outlooks = Behind(LINES_SECONDS), Behind(OUTLOOKS_SECONDS)
        self._settled_at = time.monotonic()
        #: Seconds of the last transaction that did not go to roots touched in it, but to due roots, draws and lines.
        self.aside_seconds = 0.0
        #: How long due roots may take, and then draws and lines.
        self._aside = ASIDE_LEAST_SECONDS
        #: Seconds that settling took in it, of all families, with their rows.
        self.settle_seconds = 0.0
        #: Whether the last transaction left roots that are due to the next one.
        self.has_more_due = False
        self._marks = Marks()
        #: Roots whose settlement failed; tried again when something about them changes, or by another process.
        self._failed: set[str] = set()

    @property
    def is_behind(self) -> bool:
        """Whether draws and lines, or outlooks, of some roots are still to follow their balances."""
        return bool(self._lines) or bool(self._outlooks)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else may write these partitions; memory of them is gone."""
        self._lines.forget(partitions)
        self._outlooks.forget(partitions)
        self._settler.forget(partitions)
        self._marks.forget(partitions)

    async def any_due(self, connection: Any, states: Sequence[PartitionState]) -> bool:
        """Whether anything waits to be settled, or to be written behind its balances."""
        return self.is_behind or bool(await self._next_due(connection, states, 1))

    async def settle(
        self,
        connection: Any,
        states: Sequence[PartitionState],
        touched: Mapping[str, FamilyState],
        due_limit: int,
        *,
        is_quiet: bool,
    ) -> int:
        """Settle roots that records touched or that are due, for their balances; returns how many.

        What follows of them is written here in a quiet time only; while records keep coming, `follow` does that.
        """
        started = time.monotonic()
        due_roots = await self._next_due(connection, states, due_limit)
        self._marks.gone(root.id for root in due_roots)  # something else is the reason now
        waiting = [root for root in due_roots if root.id not in touched]
        # Due ones first: else one that is touched again and again might be left over again and again.
        touched = {root.id: touched[root.id] for root in due_roots if root.id in touched} | dict(touched)
        transaction, depth = _Transaction.over(connection, states), Depth.WHOLE if is_quiet else Depth.BALANCES
        left = await self._settle_touched(transaction, touched)
        aside_from = time.monotonic()
        self._aside = QUIET_SECONDS if is_quiet else self._aside_seconds()
        done = await self._settle_roots(transaction, waiting, depth)
        self.has_more_due = bool(left) or len(due_roots) >= due_limit or done < len(waiting)
        self._lines.note(family.root for family in transaction.settled[Depth.BALANCES])
        if is_quiet:
            await self._settle_behind(transaction, all_of_them=True)
        self.aside_seconds = time.monotonic() - aside_from
        await self._settler.flush(connection)
        await self._note_settled(transaction)
        await mark_due(connection, states, left, "usage")
        self._marks.gone(family.root_id for family in left)
        self.settle_seconds = time.monotonic() - started
        return transaction.count

    def is_late(self, states: Iterable[PartitionState]) -> bool:
        """Whether draws and lines, or outlooks, of any root in these partitions have waited for as long as they may."""
        partitions = {state.position.partition for state in states}
        return any(behind.next(partitions, all_of_them=False) for behind in (self._lines, self._outlooks))

    async def follow(self, connection: Any, states: Sequence[PartitionState]) -> int:
        """Write draws and lines, and outlooks, that have waited for as long as they may; returns of how many roots.

        It is a transaction of its own, behind the one that has the balances: nobody's balance waits for it.
        """
        started = time.monotonic()
        transaction = _Transaction.over(connection, states)
        await self._settle_behind(transaction, all_of_them=False)
        await self._settler.flush(connection)
        await self._note_settled(transaction)
        seconds = time.monotonic() - started
        self.aside_seconds += seconds
        self.settle_seconds += seconds
        return transaction.count

    async def _settle_behind(self, transaction: _Transaction, *, all_of_them: bool) -> None:
        """Draws and lines, and then outlooks, of all that are behind or of those that have waited long enough."""
        behind = self._lines.next(transaction.states, all_of_them=all_of_them)
        await self._settle_roots(transaction, behind, Depth.WHOLE if all_of_them else Depth.LINES)
        done_already = {family.root_id for family in transaction.settled[Depth.WHOLE]}
        late = self._outlooks.next(transaction.states, all_of_them=all_of_them)
        await self._settle_roots(transaction, [root for root in late if root.id not in done_already], Depth.WHOLE)

    async def _settle_touched(self, transaction: _Transaction, touched: Mapping[str, FamilyState]) -> list[FamilyState]:
        """Settle the balances of touched families; returns those for which no time was left."""
        deadline, families = time.monotonic() + TOUCHED_SECONDS, list(touched.values())
        for count, family in enumerate(families):
            if count % WITHOUT_PAUSE == WITHOUT_PAUSE - 1:
                await asyncio.sleep(0)
                if time.monotonic() > deadline:
                    return families[count:]
            self._settle_one(transaction, family, Depth.BALANCES)
        return []

    async def _settle_roots(self, transaction: _Transaction, roots: Sequence[Root], depth: Depth) -> int:
        """Settle as many of these roots as there is time for beside touched ones, one at least; returns how many."""
        deadline, done = time.monotonic() + self._aside, 0
        for start in range(0, len(roots), WITHOUT_PAUSE):
            for family in await self._load(transaction.connection, roots[start : start + WITHOUT_PAUSE]):
                self._settle_one(transaction, family, depth)
                done += 1
                if time.monotonic() > deadline:
                    return done
        return done

    def _settle_one(self, transaction: _Transaction, family: FamilyState, depth: Depth) -> None:
        state = transaction.states[family.partition]
        is_settled = self._settler.settle(family, state)
        if is_settled and depth is not Depth.BALANCES:
            started = time.thread_time()
            is_settled = self._settler.write_behind(family, state, outlooks=depth is Depth.WHOLE)
            self._lines.took(family.root_id, time.thread_time() - started)
        transaction.note(family, depth, is_settled)

    def _aside_seconds(self) -> float:
        """How long due roots may take in this transaction, and draws and lines: it follows how rare these are."""
        before, self._settled_at = self._settled_at, time.monotonic()
        return max(ASIDE_LEAST_SECONDS, ASIDE_SHARE * min(self._settled_at - before, 2 * LINES_SECONDS))

    async def _note_settled(self, transaction: _Transaction) -> None:
        """Say in `due_accounts` who waits for what from now on, and remember it."""
        connection, states, settled = transaction.connection, transaction.states.values(), transaction.settled
        await mark_behind(connection, states, self._marks.newly(settled[Depth.BALANCES]), due.BEHIND)
        await mark_behind(connection, states, settled[Depth.LINES], due.WITHOUT_OUTLOOKS)
        await connection.execute(due.SETTLED, [family.root_id for family in settled[Depth.WHOLE]])
        await mark_due(connection, states, transaction.failed, "failed")
        self._remember(settled, transaction.failed)

    def _remember(self, settled: Mapping[Depth, list[FamilyState]], failed: Sequence[FamilyState]) -> None:
        """Who was settled how deep waits for what is left; who failed, for nothing."""
        followed, failures = settled[Depth.LINES], {family.root_id for family in failed}
        wait_for_nothing = failures | {family.root_id for family in settled[Depth.WHOLE]}
        have_lines = wait_for_nothing | {family.root_id for family in followed}
        self._lines.written(have_lines)
        self._marks.gone(have_lines)
        self._outlooks.written(wait_for_nothing)
        self._outlooks.note(family.root for family in followed if family.root_id not in wait_for_nothing)
        now_settled = {family.root_id for families in settled.values() for family in families}
        self._failed = (self._failed - now_settled) | failures

    async def _next_due(self, connection: Any, states: Sequence[PartitionState], limit: int) -> list[Root]:
        partitions = sorted(state.position.partition for state in states)
        # Failed ones stay due; asking for as many more keeps them from crowding out the rest.
        rows = await connection.fetch(due.NEXT, partitions, limit + len(self._failed))
        roots = [Root(row["organization"], row["root_id"], row["partition"]) for row in rows]
        return [root for root in roots if root.id not in self._failed][:limit]

    async def _load(self, connection: Any, roots: Sequence[Root]) -> list[FamilyState]:
        for family in await load_families(connection, [root for root in roots if self._cache.get(root.id) is None]):
            self._cache.add(family)
        return [cached for root in roots if (cached := self._cache.get(root.id)) is not None]
