"""Where `connection.py` looks: the environment first, then the home of `trueup up`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.examples.conftest import ROOT


def settings(home: Path, **environment: str) -> dict[str, str]:
    """What a shell has after it has taken the settings."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("M3TER_", "TRUEUP_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    told = subprocess.run(
        ["sh", "-ec", 'eval "$(python examples/connection.py)"; env'],
        cwd=ROOT, env=bare | {"TRUEUP_HOME": str(home), "PATH": path} | environment,
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    return dict(line.split("=", 1) for line in told.splitlines() if line.startswith("M3TER_"))


def test_the_home_has_the_key_and_the_environment_wins(tmp_path: Path) -> None:
    assert settings(tmp_path)["M3TER_BASE_URL"] == "http://127.0.0.1:8080"
    mine = {"organizationId": "local", "accessKeyId": "k 1", "apiSecret": "it's $ecret"}
    (tmp_path / "keys.json").write_text(json.dumps({"key": mine, "operator": {}}))
    found = settings(tmp_path, M3TER_ORG_ID="other")
    assert found["M3TER_ORG_ID"] == "other"
    assert (found["M3TER_API_KEY"], found["M3TER_API_SECRET"]) == ("k 1", "it's $ecret")
