"""How a process of ours begins: it may open as many files as its host allows, and nothing calls it ready too early."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.kafka import Cluster
from services.run.process import ALLOCATION, Process, environment_of, run_process
from services.run.settings import Settings
from services.run.stack import Endpoints, StackError
from tests.deploy.files import read

CODE = """
import resource
from services.run.process import raise_file_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
raise_file_limit()
raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65536), hard))
"""


def test_the_limit_of_open_files_is_raised() -> None:
    assert subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout == "True\n"


async def nothing(_: Process) -> None:
    """What the process would do."""


def test_the_ready_file_of_an_earlier_run_is_gone_before_anything_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_file = tmp_path / "ready.json"
    ready_file.write_text("{}")
    monkeypatch.setenv("TRUEUP_HOME", str(tmp_path))
    for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL"):
        monkeypatch.delenv(f"TRUEUP_{name}", raising=False)
    with pytest.raises(StackError, match="no stack runs in TRUEUP_HOME"):
        run_process(nothing, ready_file)
    assert not ready_file.exists()


def test_large_memory_is_given_back_in_the_image_and_under_up_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [(name, value)] = ALLOCATION.items()
    assert read().variables_of_image()[name] == value
    settings, endpoints = Settings(), Endpoints(Cluster("127.0.0.1:9092"), "postgresql://trueup@/trueup")
    monkeypatch.delenv(name, raising=False)
    assert environment_of(settings, endpoints)[name] == value
    monkeypatch.setenv(name, "1")
    assert environment_of(settings, endpoints)[name] == "1"
