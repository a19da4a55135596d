"""Commands at a steady rate beside whatever else goes on: how long each takes from when it was due until its answer.

A command that is due is sent whether those before it have been answered or not, so that a server that is slow is not
asked less often.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.accounts import TERM
from benchmarks.asking import RefusedRequestError, bearer
from benchmarks.running import ORGANIZATION
from services.access.local import operators
from services.run.up import System

#: Connections, each with one command at a time: as many as may be unanswered.
CONNECTIONS = 64


class Answered(NamedTuple):
    """When a command was due, and seconds from then to its answer."""

    due: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, head: str, body: bytes) -> None:
        """Raises: RefusedRequestError."""
        self.writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        fields = answer.lower().split(b"content-length:", 1)
        said = await self.reader.readexactly(int(fields[1].split(b"\r\n", 1)[0]))
        status = int(answer.split(b" ", 2)[1])
        if status != 200:
            raise RefusedRequestError(head.split("\r\n", 1)[0], status, said)


async def create_commitments(system: System, accounts: Sequence[str], rate: int, seconds: float) -> list[Answered]:
    """Create commitments of these accounts in turns, so many a second. Raises: RefusedRequestError."""
    url = system.addresses.api_url
    where, token = urlsplit(url), await bearer(url, operators(system.keys, system.settings))
    head = _head(f"/organizations/{ORGANIZATION}/commitments", {"host": where.netloc, "authorization": token})
    free: asyncio.Queue[_Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(_Line(*await asyncio.open_connection(where.hostname, where.port)))

    async def create(due: float, account: str) -> Answered:
        line = await free.get()
        terms = {"accountId": account, "amount": 100, "amountPrePaid": 100, "currency": "USD", **TERM}
        await line.ask(head, json.dumps(terms).encode())
        free.put_nowait(line)
        return Answered(due, time.monotonic() - due)

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, account in enumerate(islice(cycle(accounts), round(rate * seconds))):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(group.create_task(create(due, account)))
    while not free.empty():
        free.get_nowait().writer.close()
    return [task.result() for task in tasks]


def _head(path: str, headers: Mapping[str, str]) -> str:
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{named}content-type: application/json\r\n"
