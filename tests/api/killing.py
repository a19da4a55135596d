"""The API in a process that is killed -9 at a line, while it does one request; forked from a process that has made it.

A moment is the first turn of a line of the modules that are looked at, in the order in which the request comes to
them; at 0 nothing is killed.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, NamedTuple

from services.api import accounts, commanding, forgetting, grouping
from services.api.app import create_app
from services.kafka import Cluster
from services.personal import keys
from services.personal.keyring import Keyring
from services.store import execute, idempotency
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, http_client
from tests.killed_at import kill_at

#: What a command by HTTP goes through.
LOOKED_AT: tuple[ModuleType, ...] = (accounts, commanding, execute, forgetting, grouping, idempotency, keys)


class Posted(NamedTuple):
    """A POST below an organization, under a key."""

    organization: str
    path: str
    key: str
    #: A JSON object; empty: no body.
    body: bytes = b""


async def _post(app: Any, moment: int, posted: Posted) -> int:
    async with served(app) as url, http_client(f"{url}/organizations/{posted.organization}") as client:
        if moment:
            kill_at(moment, {module.__file__ or "": frozenset() for module in LOOKED_AT}, most_turns=1)
        headers = {"Idempotency-Key": posted.key, "content-type": "application/json"}
        answer = await client.post(posted.path, content=posted.body, headers=headers)
        sys.settrace(None)
        return answer.status_code


def answer_moments(asked: Connection, database_url: str, kafka: Cluster, secret: str) -> None:
    """Do each POST in a fork: None is the answer of one that was killed, else it is what it answered."""
    app = create_app(database_url, kafka, token_secret=TOKEN_SECRET, keyring=Keyring(secret))
    while (request := asked.recv()) is not None:
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            os.write(write, str(asyncio.run(_post(app, *request))).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            status = told.read()
        _, ended = os.waitpid(child, 0)
        assert ended == 0 if status else os.WTERMSIG(ended) == signal.SIGKILL, (status, ended)
        asked.send(int(status) if status else None)


class Killable:
    """The process that forks; `post` says what was answered, None when it was killed before."""

    def __init__(self, database_url: str, kafka: Cluster, secret: str) -> None:
        self._asking, asked = multiprocessing.Pipe()
        arguments = (asked, database_url, kafka, secret)
        self._process = multiprocessing.get_context("forkserver").Process(target=answer_moments, args=arguments)
        self._process.start()

    async def post(self, moment: int, posted: Posted) -> int | None:
        self._asking.send((moment, posted))
        async with asyncio.timeout(60):
            while not self._asking.poll():
                await asyncio.sleep(0.005)
        status: int | None = self._asking.recv()
        return status

    async def end(self) -> None:
        self._asking.send(None)
        await asyncio.to_thread(self._process.join)
