"""`trueup explain`."""

from decimal import Decimal

import click
import msgspec

from services.commands.refused import CommandError
from services.erasure.operators_key import keyring_of
from services.explain.bill_line import LIMIT_DEFAULT, LIMIT_MAX, LineAsked, explain_stored
from services.explain.text import lines_of
from services.personal.opening import opened_json
from services.postgres import open_postgres
from services.readside.bill_rows import organization_of_bill
from services.readside.waiter import HTTP_SECONDS, Waiter
from services.readside.watching import open_watcher
from services.run.process import Process, run_process
from services.words import printable, printable_json

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@click.command()
@click.argument("bill")
@click.argument("line")
@click.option(
    "--limit",
    type=click.IntRange(0, LIMIT_MAX),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="Most events to name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the document that the API answers.")
def explain(bill: str, line: str, limit: int, as_json: bool) -> None:
    """Explain LINE (its id or its number) of BILL, issued or pending, down to single events."""

    async def body(process: Process) -> None:
        url, cluster = process.endpoints.database_url, process.endpoints.kafka
        async with open_postgres(url, most=2) as postgres, open_watcher(url, cluster) as watcher:
            try:
                organization = await organization_of_bill(postgres, bill)
                question = LineAsked(organization, bill, line, limit)
                document = await explain_stored(postgres, cluster, Waiter(watcher, HTTP_SECONDS), question)
            except CommandError as error:
                raise click.ClickException(str(error)) from error
            payload = _ENCODER.encode(document)
            payload = await opened_json(postgres, organization, keyring_of(process.settings), payload)
        if as_json:
            click.echo(printable_json(payload.decode()))
        else:
            for text in lines_of(_DECODER.decode(payload)):
                click.echo(printable(text))

    run_process(body)
