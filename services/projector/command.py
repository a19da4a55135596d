"""`trueup projector`."""

from pathlib import Path

import click

from services.projector.worker import run_projector
from services.run.process import Process, run_process


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written once the projector runs.")
def projector(ready_file: Path | None) -> None:
    """Fill the read models from the log, until stopped. Run as many as there are partitions."""
    run_process(_body, ready_file)


async def _body(process: Process) -> None:
    endpoints = process.endpoints
    await run_projector(endpoints.kafka_bootstrap, endpoints.database_url, process.stop, process.ready)
