"""A cluster of several embedded brokers on loopback, for as long as a block lasts."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.run.stack.child import Command, run_to_end
from services.run.stack.kafka import START_SECONDS, EmbeddedKafka, server_properties


class Further(EmbeddedKafka):
    """A broker that joins the cluster of another one, whose controller it follows."""

    port_count = 1

    def __init__(self, folder: Path, first: Path, number: int) -> None:
        super().__init__(folder)
        self._number = number
        voters = re.search(r"^controller\.quorum\.voters=1@.*:(\d+)$", _read(first / "server.properties"), re.MULTILINE)
        cluster = re.search(r"^cluster\.id=(.*)$", _read(first / "data" / "meta.properties"), re.MULTILINE)
        assert voters and cluster, "the first broker runs"
        self._controller, self._cluster = int(voters[1]), cluster[1]

    def _properties(self, ports: list[int]) -> dict[str, object]:
        return server_properties(self._data, ports[0], self._controller) | {
            "node.id": self._number,
            "process.roles": "broker",
            "listeners": f"BROKER://127.0.0.1:{ports[0]}",
        }

    async def _format(self, java: list[str], config: Path) -> None:
        """As a part of that cluster."""
        argv = [*java, "kafka.tools.StorageTool", "format", "-t", self._cluster, "-c", str(config)]
        await run_to_end(Command("Kafka's format tool", argv, None, config.with_name("format.log")), START_SECONDS)


def _read(file: Path) -> str:
    return file.read_text()


@asynccontextmanager
async def running_brokers(count: int, folder: Path) -> AsyncIterator[str]:
    """So many brokers; yields where they answer. Raises: StackError."""
    first = EmbeddedKafka(folder / "1")
    brokers = [first]
    try:
        addresses = [await first.start()]
        brokers += [Further(folder / str(number), folder / "1", number) for number in range(2, count + 1)]
        addresses += await asyncio.gather(*(broker.start() for broker in brokers[1:]))
        yield ",".join(addresses)
    finally:
        for broker in reversed(brokers):  # the controller last
            await broker.stop()
