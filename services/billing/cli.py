"""`trueup bill`."""

from datetime import date, datetime
from typing import Any

import click

from events.dates import read_day
from events.facts.bills import BillIssued
from projections.too_large import TooLargeError
from services.billing.run import BillRun
from services.billing.selection import BillRequest, Selection
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Worded
from services.postgres import open_postgres
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.process import Process, run_process
from services.store.execute import organization_time
from services.store.generations import load_generations
from services.store.view import load_config


class UnknownOrganizationError(Worded, ExpectedFailure):
    """organization {organization} does not exist: it comes into being with its first PUT organizationconfig"""

    def __init__(self, organization: str) -> None:
        super().__init__(organization=organization)


class Day(click.ParamType[date]):
    """A day on the command line, written as everywhere."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day; a usage error for anything else."""
        try:
            return read_day(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


@click.command()
@click.option("--date", "through", type=Day(), required=True, help="Bill what is due by this day.")
@click.option("--organization", required=True, help="The organization's id.")
@click.option(
    "--account", "accounts", multiple=True, help="Id of an account to bill; repeat for several. Default: all."
)
def bill(through: date, organization: str, accounts: tuple[str, ...]) -> None:
    """Bill everything due on or before a date: in arrears what ended by then, in advance what starts by then.

    If the organization has a grace period, pending bills are opened; otherwise bills are issued at once.
    """

    async def body(process: Process) -> None:
        try:
            await _bill(process, organization, through, accounts)
        except TooLargeError as error:
            raise ExpectedFailure(str(error)) from error

    run_process(body)


async def _bill(process: Process, organization: str, through: date, accounts: tuple[str, ...]) -> None:
    url, cluster = process.endpoints.database_url, process.endpoints.kafka
    async with open_postgres(url) as postgres, open_watcher(url, cluster) as watcher:
        async with postgres.connection() as connection:
            generations = await load_generations(connection)
        await Guard(cluster, postgres.connection, generations).check()
        async with postgres.connection() as connection:
            if (await load_config(connection, organization)).config is None:
                raise UnknownOrganizationError(organization)

        async def clock(organization: str) -> datetime:
            return await organization_time(postgres, organization)

        run = BillRun(postgres, Waiter(watcher), clock)
        issued = opened = 0
        async for facts in run.run(BillRequest(organization, through), Selection(accounts)):
            for fact in facts:
                if isinstance(fact, BillIssued):
                    issued += 1
                    click.echo(
                        f"{fact.bill_id}  account {fact.account_id}  {fact.total} {fact.currency}"
                        f"  {len(fact.lines)} lines"
                    )
                else:
                    opened += 1
                    click.echo(f"{fact.bill_id}  account {fact.account_id}  pending")
    click.echo(f"{issued} bills issued" + (f", {opened} pending bills opened or moved" if opened else ""))
