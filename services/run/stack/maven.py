"""Fetches jars by their paths in a Maven repository: a program of its own, which can be ended, and has an environment.

    python maven.py FOLDER PATH...

A path names a jar wholly (group, artifact, version, file), so nothing is resolved: to walk through Kafka's dependencies
takes a hundred requests, one after the other, and with them most of the minute before a first broker starts.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from shutil import copy2

from jgo.config import GlobalSettings
from jgo.maven import MavenContext

AT_ONCE = 8


def fetch(folder: Path, paths: Sequence[str]) -> None:
    """Copies of the jars into the folder: from the user's Maven repository, where what is not there is put first."""
    maven = MavenContext(repo_cache=GlobalSettings.load().repo_cache)

    def copy(path: str) -> None:
        *group, artifact, version, name = PurePosixPath(path).parts
        copy2(maven.project(".".join(group), artifact).at_version(version).artifact().resolve(), folder / name)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for _ in threads.map(copy, paths):
            pass  # raises what the copy has raised


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), sys.argv[2:])
