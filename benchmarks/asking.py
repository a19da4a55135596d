"""Requests of several clients at once, and how many a second are answered."""

import asyncio
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from services.access.local import LocalKey
from services.failures import ExpectedFailure

CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request: what is sent, and which bare request it is compared with."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    bare: str = "get"


def send(port: int, request: Request, times: int) -> None:
    """So many requests over one connection, one after the other. Raises: RefusedRequestError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if request.body is None else json.dumps(request.body).encode()
    headers = {"content-type": "application/json", **dict(request.headers)}
    for _ in range(times):
        connection.request(request.method, request.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RefusedRequestError(f"{request.method} {request.path}", answer.status, said)
    connection.close()


class RefusedRequestError(ExpectedFailure):
    """A request of the load was not answered with 200."""

    def __init__(self, request: str, status: int, said: bytes) -> None:
        super().__init__(f"{request}: {status} {said[:300].decode('utf-8', 'replace')}")


async def per_second(port: int, request: Request, requests: int) -> float:
    """Requests a second of several clients at once."""
    started = time.perf_counter()
    each = requests // CLIENTS
    await asyncio.gather(*(asyncio.to_thread(send, port, request, each) for _ in range(CLIENTS)))
    return each * CLIENTS / (time.perf_counter() - started)


async def bearer(url: str, key: LocalKey) -> str:
    """What header `authorization` says, by a token of the API there."""
    grant = {"grant_type": "client_credentials"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/oauth/token", data=grant, auth=(key.access_key_id, key.api_secret))
    return f"Bearer {answer.json()['access_token']}"
