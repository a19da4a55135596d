"""What the processes that stand in for the product are told, through a file."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from services.kafka import Cluster
from services.run.stack.child import Command


@dataclass(frozen=True, slots=True)
class Task:
    """Addresses, the load's organization, and what the product left behind.

    That is `accounts`, id by code, and `live`, the schema with its rows. `copy` is the topic that `usage` is copied to.
    """

    cluster: Cluster
    database_url: str
    partitions: int
    organization: str
    live: str
    accounts: Mapping[str, str]
    copy: str

    @classmethod
    def given(cls) -> "Task":
        """The task that the first argument of the process names."""
        told = json.loads(Path(sys.argv[1]).read_text())
        return cls(**told | {"cluster": Cluster(**told["cluster"])})

    def command(self, module: str, folder: Path) -> Command:
        """The command line that runs a module of this room on this task."""
        path = folder / f"{module}.json"
        path.write_text(json.dumps(asdict(self)))
        return Command(module, [sys.executable, "-m", module, str(path)], dict(os.environ), folder / f"{module}.log")
