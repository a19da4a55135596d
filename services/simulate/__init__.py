"""Simulate: billing stories from YAML files, played through the product's own pure functions (scenarios/README.md)."""

import json as _json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from services.simulate.memory import MemoryPlayer
from services.simulate.play import play
from services.simulate.player import Player
from services.simulate.report import print_story, story_json
from services.simulate.story import read_story
from services.simulate.yaml_lines import ScenarioError


def run_files(paths: Iterable[Path], *, json: bool, live: str | None) -> int:
    """Play files and print what happened. Returns the exit status: 0 all hold, 1 a difference, 2 a wrong file."""
    console, status = Console(), 0
    for path in paths:
        try:
            story = read_story(path)
            played = play(story, make_player(live))
        except (ScenarioError, OSError, UnicodeDecodeError) as error:
            _print_wrong(console, path, str(error), json)
            status = 2
            continue
        if json:
            print(story_json(path, story.title, played))
        else:
            print_story(console, path, story.title, played)
        if any(one.differences for one in played):
            status = max(status, 1)
    return status


def make_player(live: str | None) -> Player:
    """The player: in memory, or against the API at this URL."""
    if live is not None:
        raise NotImplementedError("playing against a live system is not built yet")
    return MemoryPlayer()


def _print_wrong(console: Console, path: Path, problem: str, json: bool) -> None:
    if json:
        print(_json.dumps({"file": str(path), "ok": False, "error": problem}, ensure_ascii=False))
    else:
        console.print(f"{path}: [red]{problem}[/]", highlight=False)
