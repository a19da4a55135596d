"""The drills of docs/runbook.md: each is a test that there is, and each command that it tells to run is one of ours."""

import re
from pathlib import Path

from services.run.cli import COMMANDS

ROOT = Path(__file__).parent.parent.parent
DRILLS = (ROOT / "docs" / "runbook.md").read_text().partition("\n## Drills\n")[2]


def drills() -> dict[str, str]:
    """By its title, what is told of each."""
    parts = re.split(r"^### (Drill \d: .*)$", DRILLS, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_drill_is_a_test() -> None:
    assert len(drills()) == 5
    for title, text in drills().items():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
        assert named, title
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(), f"{title} names {file}::{test}"


def test_every_command_of_a_drill_is_one() -> None:
    commands = re.findall(r"\btrueup ([\w-]+)", DRILLS)
    assert {"rebuild-store", "restore", "archive", "migrate", "audit"} <= set(commands) <= COMMANDS.keys()
