"""The processes of this machine that `trueup up` keeps running, and what each says of itself at its port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.status.shown import shown_in

if TYPE_CHECKING:
    import httpx

#: In the home, while `trueup up` runs.
FILE = "processes.json"
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a process said; `why` says why not, or that nobody answered."""

    process: str
    url: str
    is_live: bool
    is_ready: bool
    why: tuple[str, ...]
    #: Of its metrics, those that are told (`shown.py`).
    shown: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is printed."""
        document = {"process": self.process, "url": self.url, "live": self.is_live, "ready": self.is_ready}
        return document | {"why": list(self.why)}


@contextmanager
def told_in(home: Path, urls: Mapping[str, str]) -> Iterator[None]:
    """Let tools on this machine find these processes for the length of a block."""
    file = home.expanduser() / FILE
    file.write_text(json.dumps(dict(urls)))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def known_in(home: Path) -> dict[str, str]:
    """Where the processes answer that run because of a `trueup up` in this home, by name."""
    try:
        urls: dict[str, str] = json.loads((home.expanduser() / FILE).read_text())
    except FileNotFoundError:
        return {}
    return urls


async def ask(urls: Sequence[tuple[str, str]]) -> list[Said]:
    """What each of these (name, URL) says now."""
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
