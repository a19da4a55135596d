"""`trueup relay`."""

from pathlib import Path

import click

from services.relay.relay import run_relay
from services.run.process import Process, run_process


async def _relay(process: Process) -> None:
    await run_relay(
        process.endpoints.kafka_bootstrap, process.endpoints.database_url, process.stop, ready=process.ready
    )


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once the relay works.")
def relay(ready_file: Path | None) -> None:
    """Carry facts from the event store to Kafka, in commit order, until Ctrl-C. Several may run: one leads."""
    run_process(_relay, ready_file)
