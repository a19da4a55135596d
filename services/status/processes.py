"""The processes of this machine that `trueup up` keeps running: what each answers at its port for probes and metrics,
and totals of their metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from services.whole_file import write_whole

if TYPE_CHECKING:
    import httpx

#: Counters to add up: name in the document -> name of the sample, and the labels that it must have. Each counts from
#: its process's start.
SUMMED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "usageRefused": ("trueup_usage_refused_total", {}),
    "usageDuplicate": ("trueup_usage_total", {"disposition": "duplicate"}),
    "rebalances": ("trueup_rebalances_total", {}),
    "poolWaits": ("trueup_pool_wait_seconds_count", {}),
    "poolWaitSeconds": ("trueup_pool_wait_seconds_sum", {}),
}
#: Endings of a sample's name that its metric family's name lacks.
_ENDS = ("_total", "_count", "_sum")
#: Moments, in seconds since 1970, of which the newest is shown: name in the document -> name of the sample.
NEWEST = {"signedUpTo": "trueup_signed_tick_timestamp_seconds", "archivedAt": "trueup_archive_timestamp_seconds"}


def shown_in(text: str) -> dict[str, float]:
    """The values of SUMMED and NEWEST in one process's metrics, by name in the document.

    `text`: Prometheus's text format. Raises: ValueError.
    """
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for name, (wanted, _) in SUMMED.items():
            if wanted in {family.name + end for end in _ENDS}:
                values.setdefault(name, 0.0)  # a metric with labels has no sample before something was counted
        for sample in family.samples:
            for name, (wanted, labels) in SUMMED.items():
                if sample.name == wanted and labels.items() <= sample.labels.items():
                    values[name] = values.get(name, 0.0) + sample.value
            for name, wanted in NEWEST.items():
                if sample.name == wanted:
                    values[name] = sample.value
    return values


def together(each: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """The values of all processes combined: counters added up, of moments the newest, as text in ISO 8601.

    `each`: as `shown_in` gives them. A name that no process shows is None.
    """
    lists: dict[str, list[float]] = {}
    for values in each:
        for name, value in values.items():
            lists.setdefault(name, []).append(value)
    summed: dict[str, Any] = {name: sum(lists[name]) if name in lists else None for name in SUMMED}
    counted = {
        name: value if value is None or name == "poolWaitSeconds" else int(value) for name, value in summed.items()
    }
    moments = {name: _moment(max(lists[name])) if name in lists else None for name in NEWEST}
    return {**moments, **counted}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def lines(shown: Mapping[str, Any]) -> dict[str, str]:
    """What `together` gives, as names and values for a terminal; without those that no process shows."""
    told = {
        "signed up to": shown["signedUpTo"],
        "archived at": shown["archivedAt"],
        "refused usage": shown["usageRefused"],
        "duplicates": shown["usageDuplicate"],
        "rebalances": shown["rebalances"],
    }
    if waits := shown["poolWaits"]:
        mean = 1000 * shown["poolWaitSeconds"] / waits
        told["waits for Postgres's pool"] = f"{waits}, {mean:.1f} ms on average"
    return {name: str(value) for name, value in told.items() if value is not None}


#: A file in the home folder, there while `trueup up` runs: the URL of each process, by name.
FILE = "processes.json"
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a process answered. `why`: why it is not live or not ready, or that no process answered."""

    process: str
    url: str
    is_live: bool
    is_ready: bool
    why: tuple[str, ...]
    #: Those of its metrics that the status shows, as `shown_in` gives them.
    shown: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """What `--json` prints of the process."""
        document = {"process": self.process, "url": self.url, "live": self.is_live, "ready": self.is_ready}
        return document | {"why": list(self.why)}


@contextmanager
def told_in(home: Path, urls: Mapping[str, str]) -> Iterator[None]:
    """Let tools on this machine find these processes for the length of a block. `urls`: by name of the process."""
    file = home.expanduser() / FILE
    file.parent.mkdir(parents=True, exist_ok=True)  # servers that are given need no home
    write_whole(file, json.dumps(dict(urls)))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def known_in(home: Path) -> dict[str, str]:
    """The URLs of the processes that a `trueup up` with this home runs, by name; empty if none does."""
    try:
        return {name: str(url) for name, url in json.loads((home.expanduser() / FILE).read_text()).items()}
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError):
        return {}


async def ask(urls: Sequence[tuple[str, str]]) -> list[Said]:
    """What each of these processes, given by name and URL, answers now."""
    import httpx  # `trueup up` asks nobody

    async with httpx.AsyncClient(timeout=ASK_SECONDS, trust_env=False) as client:
        return list(await asyncio.gather(*(_ask(client, *url) for url in urls)))


async def _ask(client: httpx.AsyncClient, name: str, url: str) -> Said:
    import httpx

    try:
        answers = [await client.get(f"{url}/{probe}") for probe in ("live", "ready")]
        live, ready = (answer.json() for answer in answers)
        why = tuple(dict.fromkeys((*live["why"], *ready["why"])))
        shown = shown_in((await client.get(f"{url}/metrics")).text)
        return Said(ready["process"], url, live["live"], ready["ready"], why, shown)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        return Said(name, url, False, False, (f"no process of ours answered: {type(error).__name__}",))
