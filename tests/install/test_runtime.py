"""`deploy/install.py runtime`: what servers run, in the locked versions; nothing that develops or embeds anything."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.run.up import SERVICES
from tests.forked import SHORT
from tests.install.machine import LIST, PATIENCE_S, ROOT, Checkout, entries, normal, pythons

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)
OWN = pythons()[f"{sys.version_info.major}.{sys.version_info.minor}"]
CODE = ("events", "projections", "services")


def asked_for() -> tuple[set[str], set[str]]:
    """Names of what the product itself asks for, and of what its development does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = project["dependencies"], project["optional-dependencies"]["dev"]
    product, development = ({normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in asked} for asked in lists)
    return product, development


def embedded() -> set[str]:
    """What `deploy/embedded.txt` names."""
    lines = (ROOT / "deploy" / "embedded.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def checkout_with_uv(folder: Path, only: Sequence[str] = ()) -> Checkout:
    """With the pip and the pinned uv of what runs this: to bring them is tested in `test_install.py`."""
    checkout, own = Checkout(folder, OWN, only), ROOT / ".venv"
    subprocess.run([OWN, "-m", "venv", "--without-pip", checkout.venv], timeout=PATIENCE_S, check=True)
    [here], [there] = (list(venv.glob("lib/*/site-packages")) for venv in (own, checkout.venv))
    shutil.copytree(here / "pip", there / "pip")
    (checkout.folder / "build").mkdir()
    (checkout.folder / "build" / "uv").symlink_to(ROOT / "build" / "uv")
    return checkout


def test_what_is_left_out_is_what_the_product_asks_for() -> None:
    assert embedded() and embedded() <= asked_for()[0]


def test_the_runtime_is_the_locked_one_and_runs_code_that_comes_later(tmp_path: Path) -> None:
    """In the order of the Dockerfile: packages first, code afterwards."""
    checkout, folder = checkout_with_uv(tmp_path / "trueup"), tmp_path / "runtime"
    for room in CODE:
        shutil.rmtree(checkout.folder / room)
    done = checkout.install("runtime", str(folder))
    assert done.returncode == 0, done.stderr
    for room in CODE:
        shutil.copytree(ROOT / room, checkout.folder / room, ignore=shutil.ignore_patterns("__pycache__"))

    def says(command: str, *arguments: str) -> str:
        ran = [str(folder / "bin" / command), *arguments]
        return subprocess.run(ran, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout

    installed = {normal(name): version for name, version in json.loads(says("python", "-c", LIST)).items()}
    assert installed.pop("trueup") == "0.2.0"
    product, development = asked_for()
    assert product - embedded() <= installed.keys()
    assert not installed.keys() & (embedded() | {"pip", "uv", "setuptools"} | development - product)
    assert installed.items() <= {(name, version) for _, name, version in entries(checkout.lock.read_text())}
    assert "Usage: trueup projector" in says("trueup", "projector", "--help")
    loads = "import click; from services.run.cli import trueup; context = click.Context(trueup);"
    loads += f"print(len([trueup.get_command(context, name) for name in {(*SHORT, *SERVICES)}]))"
    assert says("python", "-c", loads) == f"{len(SHORT) + len(SERVICES)}\n"


def test_what_the_lock_does_not_name_is_refused(tmp_path: Path) -> None:
    checkout = checkout_with_uv(tmp_path / "trueup")
    checkout.lock.write_text("".join(text for text, name, _ in entries(checkout.lock.read_text()) if name != "h11"))
    done = checkout.install("runtime", str(tmp_path / "runtime"), ATTEMPTS="1")
    assert done.returncode == 1
    assert "no trusted hash was provided for: `h11`" in done.stderr


def test_an_argument_that_is_none_is_told(tmp_path: Path) -> None:
    done = checkout_with_uv(tmp_path / "trueup", only=("rich",)).install("runtime")
    assert done.returncode == 1
    assert done.stderr == "install: unknown arguments 'runtime'; wanted: none, runtime FOLDER [EXTRA]... or uv ARG...\n"
