"""The command `trueup export`: bill lines and a journal for other systems, and a bill with its proofs for auditors."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from projections.revenue.journal import Chart
from services.archive.defects import PlaceAwayError
from services.commands.organization_rules import check_exists
from services.commands.refused import CommandError
from services.exports.closing import ABOUT_JOURNAL
from services.exports.columns import JOURNAL, LINES
from services.exports.reading import ABOUT_LINES
from services.exports.running import STANDARD_OUTPUT, Exported, WantedExport, run_export
from services.exports.watermark import Watermark
from services.exports.writing import FORMATS, Format
from services.failures import ExpectedFailure, Worded
from services.postgres import open_postgres
from services.run.process import PostgresProcess, run_on_postgres
from services.store.execute import today_of
from services.store.view import load_config
from services.words import rule_of


class WrongChartError(Worded, ExpectedFailure):
    """{path} is no chart of accounts: {why}"""


class WatermarkOption(click.ParamType[Watermark]):
    """An option that is a watermark. Raises: UnreadableWatermarkError."""

    name = "WATERMARK"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Watermark:
        return value if isinstance(value, Watermark) else Watermark.read(str(value))


_OPTIONS = (
    click.option("--organization", required=True, help="The organization's id."),
    click.option(
        "--since",
        type=WatermarkOption(),
        help="Where an earlier export ended. Default: where the files in --out do, or the beginning.",
    ),
    click.option(
        "--until", type=WatermarkOption(), help="Where an export ended that is made again. Default: all there is."
    ),
    click.option("--format", type=click.Choice(FORMATS), default="csv", show_default=True),
    click.option(
        "--out",
        default=STANDARD_OUTPUT,
        show_default=True,
        metavar="DIRECTORY|URL|-",
        help="Where a file is added; - prints it, and the watermark to the standard error.",
    ),
)


def _ranged(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both exports have."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


class _Export(click.Group):
    """The group with `trueup export bill`, which is imported only when it is used: importing it takes half the start of
    a short export.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(["bill", *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "bill":
            from services.proof.cli import bill

            return bill
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Export)
def export() -> None:
    """Write what other systems read: bill lines, a journal of them, and for auditors a bill with its proofs."""


@export.command("bill-lines")
@_ranged
def bill_lines(organization: str, since: Watermark | None, until: Watermark | None, format: Format, out: str) -> None:
    """Write every bill line that was issued, or taken back, since WATERMARK, and tell where to go on from."""
    _run(WantedExport(organization, "bill-lines", LINES, ABOUT_LINES, None, since, until, format, out))


@export.command()
@_ranged
@click.option(
    "--chart", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The accounts of the ledger, in YAML."
)
@click.option(
    "--closed",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Close prepayments that are over by this day. Default: the organization's today.",
)
def journal(
    organization: str,
    since: Watermark | None,
    until: Watermark | None,
    format: Format,
    out: str,
    chart: Path | None,
    closed: datetime | None,
) -> None:
    """Write what these lines move in a ledger, debit and credit, and what closes prepayments that are over."""
    if closed is not None and until is not None:
        raise click.UsageError("--closed does not go with --until, which says up to which day a journal closes")
    accounts = Chart() if chart is None else _chart(chart)
    day = None if closed is None else closed.date()
    _run(
        WantedExport(organization, "journal", JOURNAL, ABOUT_JOURNAL, accounts, since, until, format, out, day),
        closes=True,
    )


def _run(wanted: WantedExport, *, closes: bool = False) -> None:
    async def body(process: PostgresProcess) -> None:
        async with open_postgres(process.database_url, most=2) as postgres:
            async with postgres.connection() as connection:
                try:
                    check_exists(resources := await load_config(connection, wanted.organization))
                except CommandError as error:
                    raise click.ClickException(str(error)) from error
            day = wanted.closed
            if closes and day is None:
                day = today_of(resources)
            try:
                done = await run_export(postgres, replace(wanted, closed=day))
            except PlaceAwayError as error:  # a full disk is not waited for, as a server is that comes back by itself
                raise click.ClickException(str(error)) from error
            _tell(wanted, done)

    run_on_postgres(body)


def _tell(wanted: WantedExport, done: Exported) -> None:
    printed = wanted.out == STANDARD_OUTPUT
    if done.path is not None:
        click.echo(f"{done.rows} rows in {done.path}")
    elif not printed:
        click.echo("nothing new")
    click.echo(f"watermark {done.asked.until.text}", err=printed)


def _chart(path: Path) -> Chart:
    """The chart of accounts in a YAML file. Raises: WrongChartError."""
    try:
        return Chart.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        first = error.errors()[0]
        raise WrongChartError(path=path, why=f"{'.'.join(map(str, first['loc']))} {rule_of(first)}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise WrongChartError(path=path, why=error) from error
