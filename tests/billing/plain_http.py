"""HTTP by hand, a connection a request: thousands at once cost this process little, so that times are the server's."""

import asyncio
import json
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from tests.api_client import token_of

_TOKEN = token_of()


class Answer(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    document: Any
    seconds: float


async def ask(url: str, method: str, path: str, body: Any = None) -> Answer:
    """Ask the server at `http://host:port`."""
    host, _, port = url.removeprefix("http://").partition(":")
    content = b"" if body is None else json.dumps(body).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (
        f"{method} {path} HTTP/1.1", f"host: {host}", "connection: close", f"authorization: Bearer {_TOKEN}",
        f"content-length: {len(content)}",
    )  # fmt: skip
    head = "\r\n".join((*lines, "", ""))
    writer.write(head.encode() + content)
    answer = await reader.read()
    writer.close()
    said, _, document = answer.partition(b"\r\n\r\n")
    return Answer(int(said.split()[1]), json.loads(document), time.perf_counter() - began)


def typical(answers: Sequence[Answer]) -> float:
    """The time that half of them are within. Whoever is held up has few answers, and all of them late; one that comes
    while a server takes in thousands of requests is late on a busy machine, whatever holds up whom.
    """
    return median(answer.seconds for answer in answers)


def refused(answers: Sequence[Answer]) -> list[Answer]:
    """Those that are no 200."""
    return [answer for answer in answers if answer.status != 200]
