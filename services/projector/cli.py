"""`trueup projector`: keeps the live read models up to date with the log, until it is stopped.

Postgres wakes it when the relay has published, because a change of the catalog adds no record to its partitions. While
that connection is lost, nothing wakes it; after a reconnect, and at intervals in any case, it checks everything.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from events.topics import EVENTS
from services.continuity.guard import Guard, guarded
from services.kafka import Cluster, LogReader
from services.outage import until_stopped
from services.postgres import Postgres, Role, open_postgres
from services.postgres.ringing import ring_when_told
from services.projection.replay import replay
from services.projection.schemas import AlreadyRunningError, drop_leftovers
from services.projector.handler import ProjectorHandler
from services.readside.live import when_current
from services.run.process import Process, run_process
from services.store.events import RELAYED
from services.store.generations import load_generations
from services.worker.host import host

GROUP = "trueup-projector"
#: Records per poll.
MAX_RECORDS = 20_000
#: Readers of the catalog: as many as a replay needs.
CONNECTIONS = 6


async def run_projector(
    cluster: Cluster, postgres_url: str, stop: asyncio.Event, ready: Callable[[], None] | None = None
) -> None:
    """Fill the live read models until `stop` is set; `ready` is called once the first partitions are loaded.

    Read models of another version are replaced first, by new ones that this or another process fills beside them;
    `ready` is called before that.

    Raises: LogWentBackError, NotMigratedError, BrokenLogError, NewerLogError; temporary failures are waited out.
    """
    await until_stopped(stop, "projector_begins_anew", lambda: _project(cluster, postgres_url, stop, ready))


async def _fill(postgres: Postgres, cluster: Cluster) -> bool:
    """Fill read models of this version and make them live; False: another process works on schemas."""
    try:
        await replay(postgres, cluster)
    except AlreadyRunningError:
        return False
    return True


async def _project(cluster: Cluster, postgres_url: str, stop: asyncio.Event, ready: Callable[[], None] | None) -> None:
    async with (
        open_postgres(postgres_url, role=Role.PROJECTOR, most=CONNECTIONS) as postgres,
        LogReader(cluster) as reader,
    ):
        async with postgres.connection() as connection:
            generations = await load_generations(connection)
        guard = Guard(cluster, postgres.connection, generations)
        await guard.check()
        await drop_leftovers(postgres)
        handler = ProjectorHandler(postgres, reader, generations.origins)
        woken = asyncio.Event()
        work = partial(
            host,
            cluster,
            topic=EVENTS,
            group=GROUP,
            handler=handler,
            max_records=MAX_RECORDS,
            stop=stop,
            ready=ready,
            woken=woken,
        )
        working = when_current(postgres, stop, work, ready, partial(_fill, postgres, cluster))
        await guarded(guard, working, ring_when_told(postgres_url, Role.PROJECTOR, {RELAYED: woken}))


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written once the projector runs.")
def projector(ready_file: Path | None) -> None:
    """Fill the read models from the log, until stopped. Run as many as there are partitions."""
    run_process(_body, ready_file, seen_as="projector")


async def _body(process: Process) -> None:
    endpoints = process.endpoints
    await run_projector(endpoints.kafka, endpoints.database_url, process.stop, process.ready)
