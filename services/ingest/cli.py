"""`trueup ingest`: reads `usage`, judges and rates it, appends it to `billing.events`."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import click
import structlog

from events.topics import USAGE
from services.continuity.guard import Guard, guarded
from services.erasure.operators_key import keyring_of
from services.ingest.catalogs import CatalogFollower, CommandGate
from services.ingest.handler import IngestHandler
from services.ingest.sealing import SealerFinder
from services.kafka import BatchWriter, LogReader
from services.outage import until_stopped
from services.personal.keyring import Keyring
from services.personal.keys import check_opens
from services.postgres import Role, open_postgres
from services.readside.live import when_current
from services.refusals.keeper import RefusalKeeper
from services.run.process import Process, run_process
from services.run.stack import Endpoints
from services.store.generations import load_generations
from services.worker.host import host

GROUP = "trueup-ingest"
#: Records of one poll over all partitions: two full batches of the log. More would not fill the batches better, and
#: would take more memory.
MAX_RECORDS = 2_800
log = structlog.get_logger(__name__)


async def run_ingest(
    endpoints: Endpoints,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None] | None = None,
    session_ms: int = 15_000,
    keyring: Keyring | None = None,
) -> None:
    """Work until `stop` is set, on the partitions that the consumer group assigns to this process.

    `ready` is called when the first partitions are loaded; `keyring` holds the operator's key for personal data.

    Raises: ExpectedFailure if there is no `usage` to read or the log has gone back; temporary failures are waited out.
    """
    keys = keyring or Keyring()
    await until_stopped(stop, "ingest_begins_anew", lambda: _ingest(endpoints, stop, ready, session_ms, keys))


async def _ingest(
    endpoints: Endpoints, stop: asyncio.Event, ready: Callable[[], None] | None, session_ms: int, keyring: Keyring
) -> None:
    cluster = endpoints.kafka
    async with AsyncExitStack() as stack:
        opening = open_postgres(endpoints.database_url, role=Role.INGEST, most=3)
        postgres = await stack.enter_async_context(opening)
        reader = await stack.enter_async_context(LogReader(cluster))
        writer = await stack.enter_async_context(BatchWriter(cluster))
        async with postgres.connection() as connection:
            generations = await load_generations(connection)
            await check_opens(connection, keyring)
        guard = Guard(cluster, postgres.connection, generations)
        await guard.check()
        gate = CommandGate(postgres, generations, CatalogFollower(cluster, generations.origins))
        keeper = RefusalKeeper(postgres, cluster, generations.partitions)
        sealers = SealerFinder(postgres, keyring)
        handler = IngestHandler(postgres, gate, reader, writer, generations, keeper.wake, sealers)
        work = partial(
            host,
            cluster,
            topic=USAGE,
            group=GROUP,
            handler=handler,
            max_records=MAX_RECORDS,
            stop=stop,
            ready=ready,
            session_ms=session_ms,
        )
        try:
            await guarded(guard, when_current(postgres, stop, work, ready), keeper.run())
        finally:
            await handler.abandon()
            log.info("ingest_stopped", **handler.counts)


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Write JSON here once the worker runs.")
def ingest(ready_file: Path | None) -> None:
    """Rate usage into the log until stopped."""

    async def body(process: Process) -> None:
        session_ms, keyring = process.settings.worker_session_ms, keyring_of(process.settings)
        await run_ingest(process.endpoints, process.stop, ready=process.ready, session_ms=session_ms, keyring=keyring)

    run_process(body, ready_file, seen_as="ingest")
