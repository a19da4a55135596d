"""Quix Streams' windowed sum of a topic of usage: what its guide writes for "totals by day and account".

Run by `benchmarks.rivals` with the Python of build/rivals: `rival_quix.py TASK`, a JSON file. It shares no code with
the product. The state is kept as the library keeps it by default: in RocksDB, with a changelog topic.
"""

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quixstreams import Application


def main(task: dict[str, Any]) -> None:
    """Sum so many events; tells when the first came and when all were summed and committed."""
    app = Application(
        broker_address=task["bootstrap"],
        consumer_group=task["topic"],
        auto_offset_reset="earliest",
        state_dir=task["state"],
        loglevel="WARNING",
    )
    topic = app.topic(task["topic"], value_deserializer="json", timestamp_extractor=_moment)
    sums: dict[tuple[bytes, int], float] = {}
    began = 0.0

    def begin(event: dict[str, Any]) -> int:
        nonlocal began
        if not began:
            began = _stand_at(Path(task["ready"]), Path(task["gate"]))
        calls: int = event["data"]["measure"]["calls"]
        return calls

    def note(value: dict[str, Any], key: bytes, timestamp: int, headers: Any) -> None:
        sums[key, value["start"]] = value["value"]

    frame = app.dataframe(topic)
    frame.apply(begin).tumbling_window(timedelta(days=1)).sum().current().update(note, metadata=True)
    app.run(count=task["events"], collect=False)
    measured = {"began": began, "ended": time.time(), "events": task["events"], "sum": sum(sums.values())}
    Path(task["result"]).write_text(json.dumps(measured))


def _moment(value: dict[str, Any], headers: Any, timestamp: float, kind: Any) -> int:
    """When the usage was, in milliseconds."""
    return round(datetime.fromisoformat(value["time"]).timestamp() * 1_000)


def _stand_at(ready: Path, gate: Path) -> float:
    """The first event is here; go on once all processes are."""
    ready.touch()
    while not gate.exists():
        time.sleep(0.01)
    return time.time()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
