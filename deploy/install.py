"""Makes .venv what requirements.lock says, whatever an index offers today and however old this Python's own pip is.

    python3 deploy/install.py                 installs the locked packages and the project; at once if all is well
    python3 deploy/install.py runtime FOLDER [EXTRA...]
                                              makes the folder an environment that has what servers run, no more than
                                              that and what these extras add
    python3 deploy/install.py uv ARG...       runs the pinned uv, as `make lock` does

pip fetches a single wheel: the uv that install.lock names by version and hash. uv does the rest, because pip before 24
may take a requirement with an extra for a newer release than the locked one, and then refuses all. Where to fetch from
is told by pip's settings, which uv does not read. Needs Python 3.11 or newer, and nothing but its standard library.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# Python puts it there, unless it was told to import from no folder that it does not know.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from fetching import pip_environment, read_pip_settings, uv_environment, uv_flags

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
#: No part of the environment: one that is made anew, or for another Python, is made by the same uv.
UV_FOLDER = ROOT / "build" / "uv"
UV = UV_FOLDER / "bin" / "uv"
UV_LOCK = ROOT / "deploy" / "install.lock"
LOCK = ROOT / "requirements.lock"
#: What decides how the environment looks: a change of one of them brings it up to date.
INPUTS = (LOCK, ROOT / "pyproject.toml", UV_LOCK, Path(__file__).resolve())
#: Packages that only the embedded Kafka and Postgres need.
EMBEDDED = ROOT / "deploy" / "embedded.txt"
#: Written when all is installed.
STAMP = VENV / ".installed"
#: There while an installation is under way; found at the start of one, it tells that the last was interrupted.
UNDER_WAY = VENV / ".installing"
ATTEMPTS = int(os.environ.get("ATTEMPTS") or 5)
PAUSE_SECONDS = 5


class InstallError(Exception):
    """The environment cannot be made; the message is one line."""


def main(arguments: list[str]) -> int:
    """Exit status: 0, that of uv, or 1 after one line that says what is wrong."""
    try:
        with alone():
            match arguments:
                case []:
                    install()
                case ["runtime", folder, *extras]:
                    install_runtime(Path(folder).absolute(), extras)
                case ["uv", *rest]:
                    return run_uv(rest)
                case _:
                    wanted = "none, runtime FOLDER [EXTRA]... or uv ARG..."
                    raise InstallError(f"unknown arguments {' '.join(arguments)!r}; wanted: {wanted}")
    except (InstallError, OSError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def install() -> None:
    """Makes the environment whole, if anything has changed since it was. Raises: InstallError."""
    before = read_stamp()
    other = before != {} and (before.get("venv") != str(VENV) or another_python_is_asked_for(before))
    if before and before == stamp_now() and not other:
        return
    settings = ready(anew=other)
    UNDER_WAY.touch()
    STAMP.unlink(missing_ok=True)
    python = ["--python", str(PYTHON)]
    sync = ["pip", "sync", *python, "--require-hashes", "--only-binary", ":all:", str(LOCK), *uv_flags(settings)]
    # As pip does: who may not write here, such as the user of the image, would compile all of it at each start.
    sync += ["--compile-bytecode"]
    attempt("the packages of requirements.lock", [str(UV), *sync], uv_environment(os.environ, settings))
    # The locked setuptools, which is there now, builds it: nothing is fetched.
    project = ["pip", "install", *python, "--no-deps", "--no-build-isolation", "--offline", "--no-index"]
    project += ["--reinstall-package", "trueup", "--editable", str(ROOT)]
    attempt("the project", [str(UV), *project], uv_environment(os.environ, {}), attempts=1)
    STAMP.write_text(json.dumps(stamp_now()))
    UNDER_WAY.unlink()


def install_runtime(folder: Path, extras: Sequence[str] = ()) -> None:
    """An environment in the folder, in place of what was there: what runs beside a Kafka and a Postgres that are given,
    with these extras of the product.

    The lock has what develops the product, too. So it is a constraint here: what the product asks for is taken in the
    locked version and by its hash, and what the lock does not name is refused. Raises: InstallError.
    """
    settings = ready()
    environment = uv_environment(os.environ, settings)
    uv, python = [str(UV), "--quiet"], ["--python", str(folder / "bin" / "python")]
    made = [*uv, "venv", "--clear", "--no-project", "--python", sys.executable, str(folder)]
    attempt(str(folder), made, environment, attempts=1)
    packages = ["pip", "install", *python, "--require-hashes", "--only-binary", ":all:", "--constraints", str(LOCK)]
    packages += ["--excludes", str(EMBEDDED), "--requirements", str(ROOT / "pyproject.toml"), "--compile-bytecode"]
    packages += [word for extra in extras for word in ("--extra", extra)]
    attempt("what the product runs with", [*uv, *packages, *uv_flags(settings)], environment)
    project = ["pip", "install", *python, "--no-deps", "--build-constraints", str(LOCK), "--editable", str(ROOT)]
    attempt("the project", [*uv, *project, *uv_flags(settings)], environment)


def run_uv(arguments: list[str]) -> int:
    """The pinned uv with these arguments. Returns: its exit status."""
    settings = ready()
    command = [str(UV), *arguments, *uv_flags(settings)]
    return subprocess.run(command, env=uv_environment(os.environ, settings), cwd=str(ROOT), check=False).returncode


def ready(anew: bool = False) -> dict[str, str]:
    """Sees to it that there are an environment and the pinned uv. Returns: pip's settings. Raises: InstallError."""
    settings = None if anew or UNDER_WAY.exists() else read_pip_settings(PYTHON)
    if settings is None:
        make_venv()
        settings = read_pip_settings(PYTHON) or {}
    pinned = re.match(r"uv==(\S+)", UV_LOCK.read_text())
    if pinned is None:
        raise InstallError(f"{UV_LOCK} names no uv")
    if runs([str(UV), "--version"]).split()[:2] != ["uv", pinned[1]]:
        shutil.rmtree(str(UV_FOLDER), ignore_errors=True)
        pip = [str(PYTHON), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--require-hashes", "--only-binary", ":all:", "--target", str(UV_FOLDER), "-r", str(UV_LOCK)]
        attempt(f"uv {pinned[1]}", pip, pip_environment(os.environ, settings))
    return settings


def make_venv() -> None:
    """An empty one, in place of what may be there. Raises: InstallError."""
    made = subprocess.run(
        [sys.executable, "-I", "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise InstallError(f"{sys.executable} -m venv failed: {' '.join(made.stdout.split())}")


def attempt(what: str, command: list[str], environment: dict[str, str], attempts: int = ATTEMPTS) -> None:
    """Runs it until it succeeds, with growing pauses: a download may fail on a poor line. Raises: InstallError."""
    for number in range(1, attempts + 1):
        if number == 2:
            # Behind a proxy that signs for itself only the system knows whom to trust; a newer pip asks it by itself.
            environment = {"UV_SYSTEM_CERTS": "true", **environment}
        run = subprocess.Popen(
            command, env=environment, cwd=str(ROOT), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        assert run.stdout is not None
        said = []
        with run:
            for line in run.stdout:
                said.append(line)
                if line.startswith("Downloading "):
                    print(f"install: {line[0].lower()}{line[1:]}", end="", file=sys.stderr, flush=True)
        if run.returncode == 0:
            return
        why = reason(said) or f"exit status {run.returncode}"
        if number == attempts:
            raise InstallError(f"{what} could not be installed: {why}")
        pause = PAUSE_SECONDS * number
        print(f"install: {what}: attempt {number} of {attempts} failed, next in {pause} s: {why}", file=sys.stderr)
        time.sleep(pause)


def reason(said: list[str]) -> str:
    """The error in what pip or uv said, as one line."""
    lines = [line.strip() for line in said if line.strip()]
    starts = [number for number, line in enumerate(lines) if line.lower().startswith("error")]
    told = lines[starts[0] :] if starts else lines[-3:]
    return " ".join(" ".join(told).split())[:600]


def runs(command: list[str]) -> str:
    """What the command prints; "" if it does not run or fails."""
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def stamp_now() -> dict[str, str]:
    """What the environment would be made of and where, and the Python in it ("" if that does not run)."""
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in INPUTS)).hexdigest()
    python = runs([str(PYTHON), "-I", "-S", "-c", "import sys; print(sys.version)"])
    return {"inputs": digest, "venv": str(VENV), "python": python}


def another_python_is_asked_for(stamp: dict[str, str]) -> bool:
    """By `make PYTHON=...`, which make tells in the environment; what it found by itself leaves a working one alone."""
    here = ".".join(map(str, sys.version_info[:2]))
    return "PYTHON" in os.environ and not stamp.get("python", "").startswith(f"{here}.")


def read_stamp() -> dict[str, str]:
    """Of the last whole installation; empty if there is none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One call at a time: `make test` and `make up` may be started side by side."""
    with open(str(VENV) + ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
