"""`trueup import`: the command, its options and its progress bar."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.access.client import Patient, SignedIn
from services.access.local import credentials
from services.importing.files import ImportPosition, rows_of, size_of
from services.importing.layout import Layout, RowError, UnmappedColumnError, check_field, measurement_of
from services.importing.sending import PATIENCE, MeasurementsRequest, Sender, Wrong, requests_of
from services.run.settings import load_settings

#: Characters of a file's digest that go into a uid: few enough to leave room for the line.
_DIGEST = 32
TIMEOUT_S = 60.0


def _pairs(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """The values of an option that is given as NAME=VALUE, several times, by name. Raises: click.BadParameter."""
    pairs = {}
    for text in given:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise click.BadParameter(f"{text!r} must be NAME=VALUE", param=option)
        pairs[name] = value
    return pairs


def _address(_: click.Context, option: click.Parameter, given: str) -> str:
    """The API's address, without a slash at its end. Raises: click.BadParameter."""
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL as error:
        raise click.BadParameter(f"{given!r}: {error}", param=option) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise click.BadParameter(f"{given!r} must begin with http:// or https:// and a host", param=option)
    return given.rstrip("/")


def _measured(path: Path, layout: Layout, digest: str, after: int) -> Iterator[tuple[int, dict[str, Any] | Wrong]]:
    """The rows after line `after`, with their lines, as measurements or as what is wrong with them."""
    for line, row in rows_of(path, layout):
        if line <= after:
            continue
        if isinstance(row, ValueError):
            yield line, Wrong(line, str(row))
            continue
        try:
            yield line, measurement_of(row, layout, f"{digest[:_DIGEST]}-{line}")
        except (RowError, UnmappedColumnError) as error:  # UnmappedColumnError: JSON only, a CSV's header is checked
            yield line, Wrong(line, str(error))


class Importing:
    """One run of the command. `sent`, `wrong`: how many rows so far; `lines`: how many the file has, for the bar."""

    def __init__(self, sender: Sender, position: ImportPosition, progress: Progress, lines: int) -> None:
        self._sender, self._position, self._progress = sender, position, progress
        self._bar = progress.add_task("lines", total=lines, completed=position.line)
        self.sent = self.wrong = 0

    def run(self, parts: Iterable[MeasurementsRequest | Wrong]) -> None:
        """Send all requests in turn, printing wrong rows. Raises: ImportStoppedError, ImportRefusedError; errors of
        `Position.reach`.
        """
        for part in parts:
            if isinstance(part, Wrong):
                self._tell(part)
                continue
            refused = self._sender.send(part, self._position.line)
            for wrong in refused:
                self._tell(wrong)
            self.sent += len(part.items) - len(refused)
            if part.reached > self._position.line:
                self._position.reach(part.reached)
            self._progress.update(self._bar, completed=part.reached)

    def _tell(self, wrong: Wrong) -> None:
        self.wrong += 1
        self._progress.console.print(f"line {wrong.line}: {wrong.message}", markup=False, highlight=False)


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--url", required=True, callback=_address, help="Where the API answers, as `trueup up` prints it.")
@click.option("--organization", required=True, help="Whose usage it is.")
@click.option("--map", "columns", multiple=True, callback=_pairs, help="COLUMN=FIELD; COLUMN= leaves the column out.")
@click.option("--set", "fixed", multiple=True, callback=_pairs, help="FIELD=VALUE for rows that do not have it.")
@click.option("--from-start", is_flag=True, help="Send all of it again, also what was sent before; it counts once.")
def import_file(
    file: Path,
    url: str,
    organization: str,
    columns: dict[str, str],
    fixed: dict[str, str],
    from_start: bool,
) -> None:
    """Send the usage in FILE (.csv with a header, or .jsonl) over HTTP. Begun again, it goes on where it stopped.

    It signs in with TRUEUP_API_KEY and TRUEUP_API_SECRET, else with the keys of `trueup up` in TRUEUP_HOME.
    """
    layout = Layout(
        {column: field and check_field(field) for column, field in columns.items()},
        {check_field(field): value for field, value in fixed.items()},
    )
    auth = SignedIn(credentials(load_settings()))
    size = size_of(file)
    position = ImportPosition(file, size.digest, organization, url)
    if not from_start:
        position.go_on()
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    base = f"{url}/organizations/{organization}/"
    with (
        Patient(PATIENCE, base_url=base, timeout=TIMEOUT_S, auth=auth) as client,
        Progress(*shown, console=console) as progress,
    ):
        run = Importing(Sender(client), position, progress, size.lines)
        begun = position.line
        run.run(requests_of(_measured(file, layout, size.digest, begun)))
    sent = f"{run.sent} sent" + (f", {run.wrong} wrong" if run.wrong else "")
    click.echo(f"{sent}; lines to {begun} were sent before" if begun else sent)
    sys.exit(1 if run.wrong else 0)
