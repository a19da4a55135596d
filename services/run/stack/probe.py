"""Finds free ports on loopback, and whether Kafka and Postgres answer: a metadata request or a query is tried until a
deadline.

An open port is not enough: a broker listens before it has joined its cluster, and a stuck server listens for ever.
"""

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Awaitable, Callable

import asyncpg

from services.concurrency import heed_cancellation
from services.failures import ExpectedFailure, Passing
from services.kafka import Cluster, enter, new_client
from services.postgres import reach
from services.postgres_url import redacted
from services.run.stack.faults import NoAnswer, NotLetIn, StackError

ATTEMPT_SECONDS = 4.0
PAUSE_SECONDS = 0.1


async def kafka_answers(cluster: Cluster, timeout_seconds: float, alive: Callable[[], bool] = lambda: True) -> None:
    """Return once Kafka answers a metadata request and has a broker. `alive`: says whether it still runs, if known.

    Raises: NoAnswer, with the address, what was tried and the last failure, if it does not answer in time; StackError
    if waiting does not help: Kafka has ended, or does not let us in.
    """

    async def attempt() -> None:
        await enter(cluster, ATTEMPT_SECONDS)
        client = new_client(cluster, request_timeout_ms=int(ATTEMPT_SECONDS * 1000))
        try:
            await client.bootstrap()
            metadata = await client.fetch_all_metadata()
            if not metadata.brokers():
                raise StackError("its metadata names no broker")
        finally:
            await client.close()

    with _quiet("aiokafka"):
        await _until(attempt, f"Kafka at {cluster}", "a metadata request", timeout_seconds, alive)


async def postgres_answers(url: str, timeout_seconds: float, alive: Callable[[], bool] = lambda: True) -> None:
    """Return once Postgres runs a query. `alive`: says whether it still runs, if known.

    Raises: as `kafka_answers`. No message has a password.
    """

    async def attempt() -> None:
        try:
            connection = await reach(url, timeout=ATTEMPT_SECONDS)
        except (asyncpg.InvalidAuthorizationSpecificationError, ssl.SSLCertVerificationError) as error:
            why = "check user, password and certificates of TRUEUP_DATABASE_URL, and pg_hba.conf"
            raise NotLetIn(
                f"Postgres at {redacted(url)} does not let us in, or is not trusted: {error}; {why}"
            ) from error
        try:
            await connection.execute("SELECT 1", timeout=ATTEMPT_SECONDS)
        finally:
            await connection.close(timeout=ATTEMPT_SECONDS)

    await _until(attempt, f"Postgres at {redacted(url)}", "SELECT 1", timeout_seconds, alive)


async def _until(
    attempt: Callable[[], Awaitable[None]], what: str, tried: str, timeout_seconds: float, alive: Callable[[], bool]
) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await attempt()
            heed_cancellation()
            return
        except Exception as error:  # a library may raise anything while the server starts; the last error is reported
            if isinstance(error, NotLetIn):
                raise
            if isinstance(error, ExpectedFailure) and not isinstance(error, Passing | StackError):
                raise NotLetIn(str(error)) from error  # waiting does not help
            last = f"{type(error).__name__} {error}".strip()
        if not alive():
            raise StackError(f"{what} has ended before it answered")
        if asyncio.get_running_loop().time() + PAUSE_SECONDS > deadline:
            raise NoAnswer(f"{what} does not answer: tried {tried} for {timeout_seconds:.0f} s; last: {last}")
        await asyncio.sleep(PAUSE_SECONDS)


class _quiet:
    """Silences a library's log in a block where failures are expected. The last failure is raised, so none is lost."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._level = self._logger.level

    def __enter__(self) -> None:
        self._logger.setLevel(logging.CRITICAL + 1)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)


#: A range of ports below the one that Linux and macOS use for outgoing connections. A broker's port in that range could
#: be lost during a restart: a client that keeps dialling it may be given that very port, and connect to itself.
LOW, HIGH = 15000, 32000
_random = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Different ports on which nobody listens now. Another process may take one before you do, so be ready to retry."""
    ports: list[int] = []
    while len(ports) < count:
        port = _random.randrange(LOW, HIGH)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
