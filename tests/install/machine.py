"""What the tests of the installation need: Pythons of this machine, a fresh checkout, an index on loopback."""

import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from fetching import read_pip_settings

ROOT = Path(__file__).parent.parent.parent
#: The pip that the first release of each Python brought along.
OLDEST_PIP = {"3.11": "22.3", "3.12": "23.2.1", "3.13": "24.2", "3.14": "25.2"}
COMMITTED = (
    "deploy",
    "events",
    "projections",
    "services",
    "requirements.lock",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
PATIENCE_S = 240
LIST = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
_FIND = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


@cache
def pythons() -> dict[str, Path]:
    """Pythons by version: the one that runs this, and supported ones that lie beside it and on PATH."""
    own = Path(sys.base_prefix)
    usable = {f"{sys.version_info.major}.{sys.version_info.minor}": own / "bin" / "python3"}
    for version in OLDEST_PIP:
        candidates = sorted(own.parent.glob(f"*/bin/python{version}"))
        candidates += [Path(found)] if (found := shutil.which(f"python{version}")) else []
        for python in candidates if version not in usable else ():
            told = subprocess.run([python, "-I", "-c", _FIND], capture_output=True, text=True, timeout=20, check=False)
            if told.stdout.strip() == version:
                usable[version] = python
                break
    return usable


class Checkout:
    """What is committed, in a folder of its own, and a Python to install it with. `only`: so much of the lock."""

    def __init__(self, folder: Path, python: Path, only: Sequence[str] = ()) -> None:
        self.folder, self.python = folder, python
        for name in COMMITTED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        if only:
            self.lock.write_text("".join(text for text, name, _ in entries(self.lock.read_text()) if name in only))

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def lock(self) -> Path:
        return self.folder / "requirements.lock"

    def use_pip(self, version: str) -> None:
        """Make the environment as a Python with this pip would."""
        subprocess.run([self.python, "-m", "venv", "--without-pip", self.venv], timeout=PATIENCE_S, check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(self.venv), "install", "--no-compile", "--quiet"]
        for pause in (2, 5, 0):
            if subprocess.run([*pip, f"pip=={version}"], timeout=PATIENCE_S, check=not pause).returncode == 0:
                return
            time.sleep(pause)

    def install(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run deploy/install.py as `make` does."""
        return subprocess.run(
            [self.python, "deploy/install.py", *arguments], cwd=self.folder, env=os.environ | environment,
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def run(self, command: str, *arguments: str) -> str:
        """What a command of the environment prints."""
        ran = subprocess.run(
            [self.venv / "bin" / command, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return ran.stdout

    def installed(self) -> dict[str, str]:
        """Name to version, all that is in the environment but pip."""
        found: dict[str, str] = json.loads(self.run("python", "-c", LIST))
        return {normal(name): version for name, version in found.items() if name != "pip"}


def entries(lock: str) -> list[tuple[str, str, str]]:
    """Text, name and version of each entry of a lock."""
    return re.findall(r"^(([\w.-]+)==(\S+)(?:.*\\\n)*.*\n)", lock, re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Index(http.server.BaseHTTPRequestHandler):
    """Has release 9999 of whatever is asked for. `server.asked`: (user agent, request line) of each request."""

    def do_GET(self) -> None:
        self.server.asked.append((self.headers.get("User-Agent", ""), self.requestline))  # type: ignore[attr-defined]
        kind, name = self.path.strip("/").split("/")[:2]
        wheel = _wheel(normal(name.partition("-9999")[0]).replace("-", "_"))
        if kind == "files":
            self._answer("application/octet-stream", wheel)
        else:
            file = f"{normal(name).replace('-', '_')}-9999-py3-none-any.whl"
            digest = hashlib.sha256(wheel).hexdigest()
            page = f'<!DOCTYPE html><html><body><a href="/files/{file}#sha256={digest}">{file}</a></body></html>'
            self._answer("text/html", page.encode())

    def do_CONNECT(self) -> None:
        """As a proxy, which it is not."""
        self.server.asked.append((self.headers.get("User-Agent", ""), self.requestline))  # type: ignore[attr-defined]
        self.send_error(502)

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _wheel(name: str) -> bytes:
    """The smallest there is."""
    file, about = io.BytesIO(), f"{name}-9999.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, text in (
            ("METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 9999\n"),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", "".join(f"{about}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD"))),
        ):
            wheel.writestr(zipfile.ZipInfo(f"{about}/{path}"), text)
    return file.getvalue()


@contextmanager
def newer_index() -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """An index that has a newer release of everything: its address, and what it was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def beside_the_users(address: str) -> dict[str, str]:
    """Variables that add an index to those that this user's pip has anyway."""
    others = (read_pip_settings(Path(sys.executable)) or {}).get("extra-index-url", "")
    return {"PIP_EXTRA_INDEX_URL": f"{others} {address}/simple".strip(), "NO_PROXY": _with_loopback("NO_PROXY")}


def _with_loopback(name: str) -> str:
    return ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
