"""Metrics about the whole system, shown by each API process: they are read every few seconds, never during a scrape.

The API shows them because it runs wherever anybody is served, and needs neither a partition nor a lock to know how far
the other processes are.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from services.api.health import Health, HealthReport
from services.audit.passes import Pass, pass_over_conservation, read_passes
from services.billing.jobs import BILL_JOBS
from services.failures import ExpectedFailure, Passing
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.agreement_rows import due_families
from services.readside.live import reading_live
from services.refusals import held_usage
from services.sight import metrics
from services.sight.pulse import PULSE
from services.status.whole import behind, oldest_unprojected

LOOK_SECONDS = 10.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Showing:
    """Reads the state of the whole system. `every`: a pool of role WATCH."""

    health: Health
    every: Postgres
    cluster: Cluster
    #: The reasons for which families were seen to wait; a reason is shown as 0 once none wait for it any more.
    _reasons: set[str] = field(default_factory=set)

    async def watch(self) -> None:
        """Read the state until cancelled. A value that cannot be read keeps its last number; the time of the last full
        look is shown beside it.
        """
        while True:
            try:
                await self.look()
            except (ExpectedFailure, Passing) as error:
                _log.debug("not_shown", why=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Read the state once. Raises: the failure of a server that does not answer."""
        report = await self.health.report()
        # Without Kafka commands are accepted and reads are answered, so the API still makes progress.
        PULSE.away("what the API needs", None if report.status == 200 else str(report.operators.get("message")))
        metrics.AWAY.labels("Postgres").set(report.seen is None)
        metrics.AWAY.labels("Kafka").set(not report.ends)
        if report.seen is None:
            return
        metrics.HEAD.set(report.seen.head)
        for who, standing in behind(report.seen, report.ends).items():
            metrics.BEHIND.labels(who).set(standing.count)
        await self._look_at_waiting(report)
        await pass_over_conservation(self.every)
        async with self.every.connection() as connection:
            passes = await read_passes(connection)
        self.health.note_passes(passes)
        _show_passes(passes)
        metrics.LOOKED.set_to_current_time()

    async def _look_at_waiting(self, report: HealthReport) -> None:
        assert report.seen is not None
        async with reading_live(self.every) as connection:
            due, jobs = await due_families(connection), await BILL_JOBS.count_open(connection)
            waiting = await held_usage.count(connection)
        self._reasons |= due.keys()
        for reason in self._reasons:
            metrics.DUE.labels(reason).set(due.get(reason, 0))
        metrics.JOBS.set(jobs)
        metrics.WAITING.set(waiting)
        if report.ends:
            metrics.UNPROJECTED.set(_age(await oldest_unprojected(self.cluster, report.seen, report.ends)))


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (datetime.now(moment.tzinfo) - moment).total_seconds())


def _show_passes(passes: Iterable[Pass]) -> None:
    for last in passes:
        metrics.UNEXPLAINED.labels(last.kind).set(float(last.unexplained))
        metrics.PASS_HOLDS.labels(last.kind).set(last.holds)
        metrics.PASS_ENDED.labels(last.kind).set(last.ended.timestamp())
        for partition, offset in last.positions.items():
            metrics.AUDITED.labels(str(partition)).set(offset)
