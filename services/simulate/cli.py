"""The command `trueup simulate`: plays billing stories from YAML files, in memory or live, and prints the results."""

import asyncio
import json as _json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from services.kafka import Cluster
from services.run.cluster import given_cluster
from services.run.printing import make_console, show
from services.run.settings import load_settings
from services.run.stack import known_endpoints
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.player import Player
from services.simulate.report import print_story, story_json
from services.simulate.story import read_story
from services.simulate.yaml_lines import ScenarioError
from services.words import printable, printable_json


def run_files(paths: Iterable[Path], *, json: bool, live: str | None, kafka: str | None = None) -> int:
    """Play files and print the results. Returns the exit status: 0 if all expectations hold, 1 for a difference, 2 for
    an invalid file.

    `json`: print JSON documents; `live`: the URL of a system to play in, None for memory; `kafka`: the addresses of
    that system's Kafka. Raises: ExpectedFailure if the live system does not answer.
    """
    with _players(live, kafka) as make:
        return max([0, *(_run_file(path, make(), make_console(), json) for path in paths)])


def _run_file(path: Path, player: Player, console: Console, json: bool) -> int:
    try:
        story = read_story(path.read_bytes())
        played = play(story, player)
    except (ScenarioError, OSError) as error:
        _print_wrong(console, path, str(error), json)
        return 2
    if json:
        print(story_json(path, story.title, played))
    else:
        print_story(console, path, story.title, played)
    return int(any(outcome.differences for outcome in played))


@contextmanager
def _players(live: str | None, kafka: str | None) -> Iterator[Callable[[], Player]]:
    """A function that makes players, for the length of the block: in memory, or of the system whose API has this
    URL.
    """
    if live is None:
        yield MemoryPlayer
        return
    from services.access.local import credentials
    from services.simulate.live_player import LiveSystem

    with LiveSystem(live, _cluster(kafka), credentials(load_settings())) as system:
        yield system.player


def _cluster(kafka: str | None) -> Cluster:
    """Kafka at these addresses; without them the one in the environment, else that of the stack in this home.

    Raises: SettingsError, StackError.
    """
    settings = load_settings(kafka_bootstrap=kafka) if kafka else load_settings()
    return given_cluster(settings) or asyncio.run(known_endpoints(settings)).kafka


def _print_wrong(console: Console, path: Path, problem: str, json: bool) -> None:
    if json:
        document = {"file": str(path), "ok": False, "error": problem}
        print(printable_json(_json.dumps(document, ensure_ascii=False)))
    else:
        show(console, Text(printable(f"{path}: ")).append(printable(problem), "red"), wrap=False)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a file.")
@click.option("--live", metavar="URL", help="Play through HTTP and Kafka at this address instead of in memory.")
@click.option("--kafka", metavar="HOST:PORT", help="Kafka for --live; else TRUEUP_KAFKA_BOOTSTRAP, else TRUEUP_HOME's.")
def simulate(files: tuple[Path, ...], as_json: bool, live: str | None, kafka: str | None) -> None:
    """Play billing stories from YAML FILES.

    With --live it signs in with TRUEUP_API_KEY and TRUEUP_API_SECRET, of an operator's key (every organization), else
    with that of `trueup up` in TRUEUP_HOME.

    Exit status: 0 when all that they expect holds, 1 with the differences otherwise, 2 when a file itself is wrong.
    """
    sys.exit(run_files(files, json=as_json, live=live, kafka=kafka))
