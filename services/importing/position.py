"""How far a file is sent to an organization: kept beside the file, so that who begins again goes on."""

import json
from pathlib import Path
from typing import Any

from services.failures import ExpectedFailure, Worded

SUFFIX = ".imported.json"


class FileChangedError(Worded, ExpectedFailure):
    """{path} has changed since its lines to {line} were sent: what has no uid of its own would count again. Put lines
    that are new or mended into a file of their own, or send all of this one with --from-start
    """


class Position:
    """The line up to which all rows of a file with this digest have been answered."""

    def __init__(self, path: Path, digest: str, organization: str) -> None:
        self._path, self._place = path, path.with_name(path.name + SUFFIX)
        self._digest, self._organization = digest, organization
        self.line = 0

    def go_on(self) -> None:
        """From where the file was left. Raises: FileChangedError."""
        kept = self._kept().get(self._organization)
        if kept is not None and kept["digest"] != self._digest:
            raise FileChangedError(path=self._path, line=kept["line"])
        self.line = 0 if kept is None else kept["line"]

    def reach(self, line: int) -> None:
        """Keep it, whole or not at all."""
        draft = self._place.with_name(self._place.name + ".draft")
        draft.write_text(json.dumps(self._kept() | {self._organization: {"digest": self._digest, "line": line}}))
        draft.rename(self._place)
        self.line = line

    def _kept(self) -> dict[str, Any]:
        """What stands beside the file: digest and line of each organization that it was sent to."""
        try:
            kept: dict[str, Any] = json.loads(self._place.read_text())
        except FileNotFoundError:
            return {}
        return kept
