"""Asks processes at their ports, as Prometheus and a kubelet do."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.api_client import probe

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """One scrape."""

    #: By the name of the sample and its labels.
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def of(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels."""
        return self.samples.get((name, frozenset(labels.items())))

    def total(self, name: str) -> float:
        """Over all labels."""
        return sum(value for (sample, _), value in self.samples.items() if sample == name)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}


def read(text: str) -> Numbers:
    """The text of a scrape."""
    families = text_string_to_metric_families(text)
    samples = {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}
    return Numbers(samples)


async def numbers(url: str) -> Numbers:
    """What a process shows."""
    answer = await probe(f"{url}/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=")
    return read(answer.text)


async def asked(url: str, path: str) -> tuple[int, dict[str, Any]]:
    """`live` or `ready`: status and document."""
    answer = await probe(f"{url}/{path}")
    return answer.status_code, answer.json()


async def until_not_ready(url: str, *words: str) -> str:
    """Why, as soon as it says so with all these words. It lives meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, told = await asked(url, "ready")
            why = "; ".join(told["why"])
            assert (await asked(url, "live"))[0] == 200
            if status == 503 and all(word in why for word in words):
                return why
            await asyncio.sleep(0.2)


async def until_ready(urls: Iterable[str]) -> None:
    """All of them."""
    async with asyncio.timeout(PATIENCE_S):
        for url in urls:
            while (await asked(url, "ready"))[0] != 200:
                await asyncio.sleep(0.2)
