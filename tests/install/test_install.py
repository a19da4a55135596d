"""`deploy/install.py` on real Pythons: what is installed depends on the lock alone, and a broken .venv is mended."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.install.machine import OLDEST_PIP, PATIENCE_S, Checkout, beside_the_users, entries, newer_index, pythons

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)
PYTHONS = pythons()
OWN = PYTHONS[f"{sys.version_info.major}.{sys.version_info.minor}"]
FEW = ("setuptools", "markdown-it-py", "mdurl", "types-pyyaml")
#: `coverage[toml]` is what one of them asks for: an extra that the lock does not name.
WITH_EXTRAS = ("coverage", "pytest-cov")
#: Where nothing answers.
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "ATTEMPTS": "1", "UV_NO_CACHE": "1"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Installed, with the Python that runs this; few packages, so that it is soon done again."""
    made = Checkout(tmp_path_factory.mktemp("checkout") / "trueup", OWN, only=FEW)
    done = made.install(PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert made.installed().keys() == {*FEW, "trueup"}
    return made


def test_the_oldest_pip_and_newer_releases_of_everything_change_nothing(tmp_path: Path) -> None:
    """The whole lock is what made the environment of this test; `make long` takes it with each Python."""
    install_beside_newer_releases(tmp_path, f"{sys.version_info.major}.{sys.version_info.minor}", (*FEW, *WITH_EXTRAS))


@pytest.mark.long
@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_every_python_takes_the_whole_lock(tmp_path: Path, version: str) -> None:
    install_beside_newer_releases(tmp_path, version, ())


def install_beside_newer_releases(tmp_path: Path, version: str, only: Sequence[str]) -> None:
    checkout = Checkout(tmp_path / "trueup", PYTHONS[version], only)
    if version in OLDEST_PIP:
        checkout.use_pip(OLDEST_PIP[version])
    with newer_index() as (address, asked):
        done = checkout.install(**beside_the_users(address))
        assert done.returncode == 0, done.stderr
    assert {agent[:3] for agent, _ in asked} == {"pip", "uv/"}  # both saw that there is something newer
    installed = checkout.installed()
    assert installed.pop("trueup") == "0.2.0"
    assert installed.items() <= {(name, version) for _, name, version in entries(checkout.lock.read_text())}
    assert {*WITH_EXTRAS, "setuptools", *(() if only else ("aiokafka", "ruff"))} <= installed.keys()
    pip = checkout.run("python", "-m", "pip", "--version").split()[1]
    assert pip == OLDEST_PIP.get(version, pip)
    if not only:
        assert "trueup demo" in checkout.run("trueup", "demo", "--help")


def test_a_second_call_does_nothing_also_when_files_only_look_newer(checkout: Checkout) -> None:
    stamp = checkout.venv / ".installed"
    before = stamp.stat().st_mtime_ns
    checkout.lock.touch()
    assert checkout.install(**NOWHERE).returncode == 0
    assert stamp.stat().st_mtime_ns == before


def test_what_is_installed_is_compiled_for_those_who_may_not_write(checkout: Checkout) -> None:
    [package] = checkout.venv.glob("lib/*/site-packages/mdurl")
    sources = {source.stem for source in package.glob("*.py")}
    assert {compiled.name.split(".")[0] for compiled in package.glob("__pycache__/*.pyc")} == sources


def test_a_changed_lock_brings_the_environment_up_to_date(checkout: Checkout) -> None:
    whole = checkout.lock.read_text()
    assert "types-pyyaml" in checkout.installed()
    checkout.lock.write_text(re.sub(r"^types-pyyaml==(.*\\\n)*.*\n", "", whole, flags=re.MULTILINE))
    assert checkout.install().returncode == 0
    assert "types-pyyaml" not in checkout.installed()
    checkout.lock.write_text(whole)
    assert checkout.install().returncode == 0
    assert "types-pyyaml" in checkout.installed()


@pytest.mark.long
def test_an_interrupted_installation_is_done_again_from_the_beginning(checkout: Checkout) -> None:
    checkout.lock.write_text(checkout.lock.read_text() + "# changed\n")
    running = subprocess.Popen([checkout.python, "deploy/install.py"], cwd=checkout.folder, start_new_session=True)
    while not (checkout.venv / ".installing").exists():
        assert running.poll() is None
        time.sleep(0.002)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    [package] = checkout.venv.glob("lib/*/site-packages/mdurl")
    shutil.rmtree(package)  # as if the kill had come before the files, and after what names them
    assert checkout.install().returncode == 0
    assert checkout.run("python", "-c", "import mdurl; print('whole')") == "whole\n"


def no_python(checkout: Checkout) -> None:
    (checkout.venv / "bin" / "python").unlink()
    (checkout.venv / "bin" / "python").symlink_to("/no/such/python")


def another_place(checkout: Checkout) -> None:
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))


@pytest.mark.parametrize("harm", [no_python, pytest.param(another_place, marks=pytest.mark.long)])
def test_an_environment_that_does_not_work_any_more_is_made_anew(
    checkout: Checkout, harm: Callable[[Checkout], None]
) -> None:
    harm(checkout)
    done = checkout.install()
    assert done.returncode == 0, done.stderr
    assert checkout.run("markdown-it", "--version").startswith("markdown-it-py")  # a script names its Python by path
    assert str(checkout.folder) in checkout.run("python", "-c", "import services; print(services.__path__)")


def test_a_failure_is_told_in_one_line_and_the_next_call_is_whole_again(checkout: Checkout) -> None:
    whole = checkout.lock.read_text()
    checkout.lock.write_text(whole + "# changed again\n")
    failed = checkout.install(**NOWHERE)
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert line.startswith("install: the packages of requirements.lock could not be installed: error: ")
    assert "127.0.0.1:9" in line
    checkout.lock.write_text(whole)
    assert checkout.install().returncode == 0


@pytest.mark.parametrize("setting", ["index-url = {}/simple", "proxy = {}"])
def test_the_settings_of_a_pip_conf_reach_uv(checkout: Checkout, tmp_path: Path, setting: str) -> None:
    conf, wanted = tmp_path / "pip.conf", tmp_path / "wanted.txt"
    wanted.write_text("rich\n")
    with newer_index() as (address, asked):
        conf.write_text(f"[global]\n{setting.format(address)}\nretries = 0\nquiet = 3\nuser = true\n")
        checkout.install("uv", "pip", "compile", "--no-cache", str(wanted), PIP_CONFIG_FILE=str(conf))
    targets = {line.split()[1] for _, line in asked}
    if setting.startswith("proxy"):
        assert targets, "asked for the users' own index"
        assert not any(target.startswith("/") for target in targets)
    else:
        assert targets == {"/simple/rich/"}


@pytest.mark.long
def test_another_python_is_taken_when_it_is_asked_for_and_stays(checkout: Checkout) -> None:
    others = [python for version, python in PYTHONS.items() if python != OWN]
    before = checkout.run("python", "-V")
    checkout.python = others[0] if others else OWN
    assert checkout.install().returncode == 0
    assert checkout.run("python", "-V") == before, "one that works is left alone"
    assert checkout.install(PYTHON="python3").returncode == 0
    wanted = subprocess.run([checkout.python, "-V"], capture_output=True, text=True, check=True).stdout
    assert checkout.run("python", "-V") == wanted
