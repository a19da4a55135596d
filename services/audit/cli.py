"""The commands `trueup replay` and `trueup audit`, and `trueup assist` for other machines."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.apart.assisting import assist as run_assist
from services.apart.processes import cores
from services.apart.work import Form, Servers
from services.audit.audit import audit as run_audit
from services.audit.checkpoint import Seal
from services.audit.partition_audit import PARTITION_AUDIT
from services.audit.passes import note_pass
from services.audit.report import Report
from services.continuity.guard import Guard
from services.garbage import tune_garbage_collection
from services.kafka import Cluster
from services.postgres import Postgres, open_postgres
from services.projection.filling import FILLING
from services.projection.replay import Replayed
from services.projection.replay import replay as run_replay
from services.run.process import Process, run_process
from services.run.settings import Settings, load_settings
from services.run.stack import known_endpoints
from services.store.generations import load_generations

CONNECTIONS = 6
#: What machines may do together.
FORMS: tuple[Form[Any, Any], ...] = (FILLING, PARTITION_AUDIT)

T = TypeVar("T")


class _Rate(ProgressColumn):
    """Records per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} records/s" if task.speed else "")


_processes = click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=cores,
    show_default="the cores there are",
    help="How many partitions are folded at once, each by a process of its own.",
)
_shared = click.option(
    "--shared", is_flag=True, help="Share the partitions with machines on which `trueup assist` runs."
)


@click.command()
@_processes
@_shared
def replay(processes: int, shared: bool) -> None:
    """Rebuild every read model from the log into a fresh schema and swap it in, while reads go on."""
    done = uvloop.run(_replay(processes, shared))
    click.echo(
        f"replay: {done.records} records in {done.seconds:.1f} s, live is {done.schema} in place of {done.replaced}"
    )


@click.command()
@click.option(
    "--from-checkpoint", "--since", is_flag=True, help="Go on from what the last audit that passed has proved."
)
@_processes
@_shared
def audit(from_checkpoint: bool, processes: int, shared: bool) -> None:
    """Prove that live read models and issued bills equal their replay; exit status 1 names the first difference.

    One that passes keeps a checkpoint, signed with TRUEUP_CHECKPOINT_SECRET, if that is given.
    """
    report = uvloop.run(_audit(from_checkpoint, processes, shared))
    for line in report.first_lines():
        click.echo(line)
    click.echo(report.last_line())
    sys.exit(0 if report.passed else 1)


@click.command()
@_processes
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once it waits for work.")
def assist(processes: int, ready_file: Path | None) -> None:
    """Fold partitions of each `trueup replay --shared` and `trueup audit --shared` of another machine, until Ctrl-C."""
    run_process(partial(_assist, processes), ready_file, seen_as="assist")


async def _replay(processes: int, shared: bool) -> Replayed:
    return await _with_bar("replay", load_settings(), partial(run_replay, processes=processes, shared=shared))


async def _audit(from_checkpoint: bool, processes: int, shared: bool) -> Report:
    settings = load_settings()
    secret = settings.checkpoint_secret
    seal = None if secret is None else Seal(secret.get_secret_value().encode())
    run = partial(_audit_and_note, seal=seal, from_checkpoint=from_checkpoint, processes=processes, shared=shared)
    return await _with_bar("audit", settings, run)


async def _audit_and_note(postgres: Postgres, cluster: Cluster, **options: Any) -> Report:
    """Audit, and store the result in the database, where running processes show it. `options`: as of `audit`."""
    report = await run_audit(postgres, cluster, **options)
    async with postgres.connection() as connection:
        await note_pass(
            connection,
            "audit",
            holds=report.passed,
            unexplained=report.unexplained,
            positions=report.positions,
        )
    return report


async def _assist(processes: int, process: Process) -> None:
    url = process.endpoints.database_url
    async with open_postgres(url, most=CONNECTIONS) as postgres:
        servers = Servers(url, postgres.role, process.endpoints.kafka)
        async with postgres.connection() as connection:
            generations = await load_generations(connection)
        await Guard(servers.cluster, postgres.connection, generations).check()
        process.ready()
        await run_assist(postgres, servers, {form.kind: form for form in FORMS}, processes, process.stop)


async def _with_bar(name: str, settings: Settings, run: Callable[..., Awaitable[T]]) -> T:
    """Run a fold of the log on the stack of this home, with a progress bar on stderr."""
    endpoints = await known_endpoints(settings)
    tune_garbage_collection()  # for the records that are folded in this process
    with _bar() as bar:
        task = bar.add_task(name, total=None)
        async with open_postgres(endpoints.database_url, most=CONNECTIONS) as postgres:
            return await run(
                postgres,
                endpoints.kafka,
                begin=lambda records: bar.update(task, total=records),
                progress=lambda records: bar.advance(task, records),
            )


def _bar() -> Progress:
    """A progress bar with its rate, on stderr, because stdout is for the result."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
