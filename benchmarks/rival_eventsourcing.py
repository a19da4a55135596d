"""Usage as events of aggregates of the library `eventsourcing`, appended to Postgres and replayed.

Run by `benchmarks.rivals` with the Python of build/rivals: `rival_eventsourcing.py TASK`, a JSON file. It shares no
code with the product. Aggregates stay in memory, and many are saved by one transaction: that favours the library, whose
tutorial gets and saves an aggregate for each event.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

#: Events that are saved by one transaction.
TOGETHER = 1_000


class Account(Aggregate):
    """What an account has used."""

    @event("Opened")
    def __init__(self, code: str) -> None:
        self.code = code
        self.calls = 0

    @event("UsageRecorded")
    def record(self, usage_id: str, moment: str, calls: int) -> None:
        """One piece of usage."""
        self.calls += calls


def main(task: dict[str, Any]) -> None:
    """Append all usage of a file, a JSON event a line, and build all accounts from their events again."""
    app = Application(env={"PERSISTENCE_MODULE": "eventsourcing.postgres", **task["environment"]})
    accounts: dict[str, Account] = {}
    lines = Path(task["usage"]).read_bytes().splitlines()
    began = time.time()
    for part in _parts(lines):
        touched: dict[str, Account] = {}
        for line in part:
            usage = json.loads(line)
            code = usage["subject"]
            account = accounts.get(code) or accounts.setdefault(code, Account(code))
            account.record(usage["id"], usage["time"], usage["data"]["measure"]["calls"])
            touched[code] = account
        app.save(*touched.values())
    appended = time.time()
    calls = 0
    for account in accounts.values():
        calls += app.repository.get(account.id).calls
    replayed = time.time()
    measured = {
        "events": len(lines),
        "append_seconds": appended - began,
        "replay_seconds": replayed - appended,
        "sum": calls,
    }
    Path(task["result"]).write_text(json.dumps(measured))


def _parts(lines: list[bytes]) -> Iterator[list[bytes]]:
    left = iter(lines)
    while part := list(islice(left, TOGETHER)):
        yield part


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
