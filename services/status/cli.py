"""`trueup status`: prints the state of the whole system."""

import json
import sys
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.table import Table

from services.failures import ExpectedFailure, Passing
from services.run.settings import load_settings
from services.run.stack import known_endpoints
from services.status.processes import ask, known_in, lines
from services.status.whole import Document, look, with_processes
from services.words import printable


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--process",
    "urls",
    multiple=True,
    help="A process's URL for metrics and probes; repeat it. Default: of `trueup up`.",
)
def status(as_json: bool, urls: tuple[str, ...]) -> None:
    """Say how far everybody is, who waits, and what was proved last; exit status 1 if something is to be looked at."""
    document = uvloop.run(_status(urls))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(document, Console(highlight=False, emoji=False, markup=False))
    sys.exit(1 if document["problems"] else 0)


async def _status(urls: tuple[str, ...]) -> Document:
    settings = load_settings()
    named = [(url, url.rstrip("/")) for url in urls] or list(known_in(settings.home).items())
    document: Document
    try:
        document = await look(await known_endpoints(settings))
    except (ExpectedFailure, Passing) as error:
        document = {"problems": [str(error)]}
    return with_processes(document, await ask(named))


def _print(document: Document, console: Console) -> None:
    if "at" in document:
        _print_whole(document, console)
    if document["processes"]:
        rows = [
            (process["process"], _yes(process["live"]), _yes(process["ready"]), process["url"])
            for process in document["processes"]
        ]
        console.print(_table(("process", "live", "ready", "metrics and probes"), rows))
        if told := lines(document["shown"]):
            console.print(_table(("", "since these began"), list(told.items())))
    for problem in document["problems"]:
        console.print(f"! {printable(problem)}", soft_wrap=True)


def _print_whole(document: Document, console: Console) -> None:
    events = document["events"]
    rows = [("events", events["newest"], events["relayed"], document["behind"]["relay"])]
    for topic in ("usage", "log"):
        rows += [
            (f"{topic}/{partition['partition']}", partition["end"], partition["projected"], partition["behind"])
            for partition in document[topic]
        ]
    console.print(_table(("", "end", "relayed, projected", "behind"), rows, numbers=(1, 2, 3)))
    due = ", ".join(f"{count} {reason}" for reason, count in document["dueFamilies"].items())
    standing = {
        "oldest unprojected usage": document["oldestUnprojectedUsage"] or "none",
        "families to settle": due or "none",
        "bill jobs": document["billJobsOpen"],
        **{f"last {last['by']}": _pass(last) for last in document["passes"]},
    }
    console.print(_table(("", f"at {document['at']}"), [(name, str(value)) for name, value in standing.items()]))


def _pass(last: dict[str, Any]) -> str:
    return f"{'holds' if last['holds'] else 'DOES NOT HOLD'}, unexplained {last['unexplained']}, {last['ended']}"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]], numbers: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False)
    for column, name in enumerate(names):
        table.add_column(name, justify="right" if column in numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(printable(str(cell)) for cell in row))
    return table
