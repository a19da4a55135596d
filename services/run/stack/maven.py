"""A program that fetches jars by their paths in a Maven repository.

    python maven.py FOLDER PATH...

It is a process of its own so that it can be killed after a timeout, and given an environment. A path names a jar fully
(group, artifact, version, file), so no dependencies are resolved: to walk through Kafka's takes a hundred requests one
after the other, which is most of the minute before a first broker starts.
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
    """Copy the jars into the folder, from the user's Maven repository, into which missing ones are downloaded first."""
    maven = MavenContext(repo_cache=GlobalSettings.load().repo_cache)

    def copy(path: str) -> None:
        *group, artifact, version, name = PurePosixPath(path).parts
        copy2(maven.project(".".join(group), artifact).at_version(version).artifact().resolve(), folder / name)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for _ in threads.map(copy, paths):
            pass  # raises what a copy has raised


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), sys.argv[2:])
