"""`trueup up`: the whole product in one command."""

from pathlib import Path

import click
import uvloop

from services.settings import load_settings
from services.up.system import run_system


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API; 0 takes a free one.")
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="JSON addresses, once all answer.")
def up(port: int | None, ready_file: Path | None) -> None:
    """Run stack, API, relay, ingest and projector until Ctrl-C; prints the addresses once everything answers."""
    settings = load_settings() if port is None else load_settings(api_port=port)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    uvloop.run(run_system(settings, ready_file=ready_file))
