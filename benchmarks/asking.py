"""Requests of several clients at once, and how many a second are answered."""

import asyncio
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from services.access.local import Credentials
from services.failures import ExpectedFailure

CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of request: what is sent, and which bare request it is compared with."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    bare: str = "get"


def send(port: int, asked: Asked, times: int) -> None:
    """So many requests over one connection, one after the other. Raises: RefusedRequestError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if asked.body is None else json.dumps(asked.body).encode()
    headers = {"content-type": "application/json", **dict(asked.headers)}
    for _ in range(times):
        connection.request(asked.method, asked.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RefusedRequestError(f"{asked.method} {asked.path}", answer.status, said)
    connection.close()


class RefusedRequestError(ExpectedFailure):
    """A request of the load was not answered with 200."""

    def __init__(self, asked: str, status: int, said: bytes) -> None:
        super().__init__(f"{asked}: {status} {said[:300].decode('utf-8', 'replace')}")


async def per_second(port: int, asked: Asked, requests: int) -> float:
    """Requests a second of several clients at once."""
    started = time.perf_counter()
    each = requests // CLIENTS
    await asyncio.gather(*(asyncio.to_thread(send, port, asked, each) for _ in range(CLIENTS)))
    return each * CLIENTS / (time.perf_counter() - started)


async def bearer(url: str, key: Credentials) -> str:
    """What header `authorization` says, by a token of the API there."""
    grant = {"grant_type": "client_credentials"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/oauth/token", data=grant, auth=(key.access_key_id, key.api_secret))
    return f"Bearer {answer.json()['access_token']}"
