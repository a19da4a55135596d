"""Pending bills are approved by themselves once their grace period has passed, by the organization's clock."""

import asyncio
from collections.abc import Awaitable

import structlog

from events.actors import BILLING
from events.facts.bills import BillIssued
from services.billing.approving import approve_or_drop
from services.billing.issuing import BillContentionError
from services.concurrency import Turns
from services.failures import Passing
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.progress import Waiter
from services.store.execute import now_of
from services.store.view import load_config

log = structlog.get_logger(__name__)

#: Bills of one organization that are approved per round.
ROUND = 200
#: How long a bill or organization that failed for no passing reason is left alone.
REST_SECONDS = 600.0

_ORGANIZATIONS = "SELECT DISTINCT organization FROM bills WHERE status = 'PENDING'"
_DUE = """
SELECT bill_id FROM bills
WHERE organization = $1 AND status = 'PENDING' AND opened_at <= $2 AND bill_id <> ALL ($4)
ORDER BY opened_at LIMIT $3
"""


class AutoApprover:
    """Approves what is over its time. Several processes may do so at once: a bill is issued once."""

    def __init__(self, postgres: Postgres, waiter: Waiter, turns: Turns) -> None:
        self._postgres, self._waiter, self._turns = postgres, waiter, turns
        #: Bills and organizations that failed, and until when each rests.
        self._resting: dict[str, float] = {}

    async def organizations(self) -> list[str]:
        """Those that have pending bills, but for those that rest."""
        async with reading_live(self._postgres) as connection:
            found = {row["organization"] for row in await connection.fetch(_ORGANIZATIONS)}
        now = asyncio.get_running_loop().time()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        return sorted(found - set(self._resting))

    async def approve_due(self, organization: str) -> int:
        """The organization's bills that are over their time, up to ROUND; returns how many were approved or dropped."""
        return await self._guarded(organization, self._organization(organization))

    async def _guarded(self, name: str, work: Awaitable[int]) -> int:
        """What a bill or organization came to; one that fails for no passing reason rests, and the others go on."""
        try:
            return await work
        except Passing:
            raise
        except Exception:
            log.exception("approval_failed", failed=name)
            self._resting[name] = asyncio.get_running_loop().time() + REST_SECONDS
            return 0

    async def _organization(self, organization: str) -> int:
        postgres = self._postgres.of(organization)
        async with postgres.connection() as connection:
            resources = await load_config(connection, organization)
        before = now_of(resources) - resources.grace_period
        async with reading_live(postgres) as connection:
            due = [
                row["bill_id"] for row in await connection.fetch(_DUE, organization, before, ROUND, list(self._resting))
            ]
        if due:
            await self._waiter.until_projected()
        return sum([await self._guarded(bill_id, self._in_turn(organization, bill_id)) for bill_id in due])

    async def _in_turn(self, organization: str, bill_id: str) -> bool:
        async with self._turns.turn(organization):
            return await self._approve(organization, bill_id)

    async def _approve(self, organization: str, bill_id: str) -> bool:
        postgres = self._postgres.of(organization)
        async with postgres.connection() as connection:
            now = now_of(await load_config(connection, organization))
        try:
            fact = await approve_or_drop(postgres, self._waiter, organization, bill_id, now, BILLING)
        except BillContentionError as error:
            log.warning("bill_not_approved", organization=organization, bill=bill_id, error=str(error))
            return False
        if fact is None:
            return False
        told = "bill_approved" if isinstance(fact, BillIssued) else "bill_dropped"
        log.info(told, organization=organization, bill=bill_id)
        return True
