"""`trueup webhooks`: sends events to webhook destinations, until Ctrl-C."""

from datetime import timedelta
from pathlib import Path

import click
import structlog

from services.garbage import tune_garbage_collection
from services.personal.keys import check_opens
from services.postgres import Role, open_postgres
from services.run.process import PostgresProcess, run_on_postgres
from services.store.generations import load_generations
from services.webhooks.kept_secrets import check_opens_secrets
from services.webhooks.lanes import Webhooks
from services.webhooks.rules import WebhookRules
from services.webhooks.sending import open_sender

log = structlog.get_logger(__name__)
#: Connections to Postgres: each attempt takes one twice, for a moment.
CONNECTIONS = 5


async def _send(process: PostgresProcess) -> None:
    rules, kept = WebhookRules.of(process.settings), timedelta(days=process.settings.webhook_kept_days)
    tune_garbage_collection()
    async with (
        open_postgres(process.database_url, role=Role.WEBHOOKS, most=CONNECTIONS) as postgres,
        open_sender(rules.reach) as sender,
    ):
        async with postgres.connection() as connection:
            await load_generations(connection)  # it is migrated, or this process waits until it is
            await check_opens(connection, rules.keyring)
            await check_opens_secrets(connection, rules.sealer)
        log.info(
            "webhooks_begin", seconds=rules.reach.seconds, allowed=[str(network) for network in rules.reach.allowed]
        )
        process.ready()
        await Webhooks(postgres, sender, rules, kept).run(process.stop)


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once it sends.")
def webhooks(ready_file: Path | None) -> None:
    """Send events and alerts to webhook destinations, until Ctrl-C. Several may run: they share the work."""
    run_on_postgres(_send, ready_file, seen_as="webhooks")
