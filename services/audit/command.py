"""`trueup replay` and `trueup audit`."""

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.audit.audit import Report
from services.audit.audit import audit as run_audit
from services.audit.passes import note_pass
from services.kafka import Cluster
from services.postgres import Postgres, open_postgres
from services.projection.replay import Replayed
from services.projection.replay import replay as run_replay
from services.run.settings import load_settings
from services.run.stack import known_endpoints

CONNECTIONS = 6

T = TypeVar("T")


class _Rate(ProgressColumn):
    """Records per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} records/s" if task.speed else "")


@click.command()
def replay() -> None:
    """Rebuild every read model from the log into a fresh schema and swap it in, while reads go on."""
    done = uvloop.run(_replay())
    click.echo(
        f"replay: {done.records} records in {done.seconds:.1f} s, live is {done.schema} in place of {done.replaced}"
    )


@click.command()
def audit() -> None:
    """Prove that live read models and issued bills equal their replay; exit status 1 names the first difference."""
    report = uvloop.run(_audit())
    if report.difference is not None:
        click.echo(f"audit: first difference: {report.difference}")
    click.echo(report.last_line())
    sys.exit(0 if report.passed else 1)


async def _replay() -> Replayed:
    return await _with_bar("replay", run_replay)


async def _audit() -> Report:
    return await _with_bar("audit", _audit_and_note)


async def _audit_and_note(postgres: Postgres, cluster: Cluster, **told: Callable[[int], None]) -> Report:
    """What was found stands in the database, where processes that run show it."""
    report = await run_audit(postgres, cluster, **told)
    async with postgres.connection() as connection:
        await note_pass(
            connection,
            "audit",
            holds=report.passed,
            unexplained=report.unexplained,
            positions=report.positions,
        )
    return report


async def _with_bar(name: str, run: Callable[..., Awaitable[T]]) -> T:
    """Run a fold of the whole log on this home's stack, its progress on stderr."""
    endpoints = await known_endpoints(load_settings())
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
    """A progress bar with its rate, on stderr: stdout is for the result."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
