"""`trueup simulate`."""

import sys
from pathlib import Path

import click

from services.simulate import run_files


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a file.")
@click.option("--live", metavar="URL", help="Play through HTTP and Kafka at this address instead of in memory.")
@click.option("--kafka", metavar="HOST:PORT", help="Kafka for --live; else TRUEUP_KAFKA_BOOTSTRAP, else TRUEUP_HOME's.")
def simulate(files: tuple[Path, ...], as_json: bool, live: str | None, kafka: str | None) -> None:
    """Play billing stories from YAML FILES.

    Exit status: 0 when all that they expect holds, 1 with the differences otherwise, 2 when a file itself is wrong.
    """
    sys.exit(run_files(files, json=as_json, live=live, kafka=kafka))
