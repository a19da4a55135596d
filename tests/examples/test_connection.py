"""Where `connection.py` looks: the environment first, then the home of `trueup up`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.examples.conftest import ROOT


def taken(home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A shell that takes the settings, and says what it has then."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("M3TER_", "TRUEUP_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-ec", 'eval "$(python examples/connection.py)"; env'],
        cwd=ROOT, env=bare | {"TRUEUP_HOME": str(home), "PATH": path} | environment,
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def settings(home: Path, **environment: str) -> dict[str, str]:
    """What it has."""
    told = taken(home, **environment).stdout
    return dict(line.split("=", 1) for line in told.splitlines() if line.startswith("M3TER_"))


def test_the_home_has_the_key_and_the_environment_wins(tmp_path: Path) -> None:
    mine = {"organizationId": "local", "accessKeyId": "k 1", "apiSecret": "it's $ecret"}
    (tmp_path / "keys.json").write_text(json.dumps({"key": mine, "operator": {}}))
    found = settings(tmp_path)
    assert (found["M3TER_BASE_URL"], found["M3TER_ORG_ID"]) == ("http://127.0.0.1:8080", "local")
    assert (found["M3TER_API_KEY"], found["M3TER_API_SECRET"]) == ("k 1", "it's $ecret")
    assert settings(tmp_path, M3TER_API_KEY="another")["M3TER_API_KEY"] == "another"


def test_another_organization_is_opened_by_the_operators_key(tmp_path: Path) -> None:
    mine, every = ({"organizationId": of, "accessKeyId": f"of {of}", "apiSecret": "s"} for of in ("local", "*"))
    (tmp_path / "keys.json").write_text(json.dumps({"key": mine, "operator": every}))
    found = [settings(tmp_path, M3TER_ORG_ID=of) for of in ("local", "other")]
    assert [(each["M3TER_ORG_ID"], each["M3TER_API_KEY"]) for each in found] == [
        ("local", "of local"),
        ("other", "of *"),
    ]


def test_where_no_key_is_it_says_where_one_comes_from_and_sets_nothing(tmp_path: Path) -> None:
    told = taken(tmp_path)
    assert told.stderr == (
        f"no access key in {tmp_path}: start `trueup up`, or set M3TER_API_KEY and M3TER_API_SECRET\n"
    )
    assert "M3TER_" not in told.stdout
