"""Free ports on loopback, and what answers there. One metadata request for Kafka, one query for Postgres, each tried
until a deadline.

An open port is not an answer: a broker listens before it is in its cluster, and a stuck one listens for ever.
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
    """Returns once Kafka tells its topics and has a broker. Gives up early when `alive` says that it has ended.

    Raises: NoAnswer naming the address, what was tried and the last failure; StackError if no waiting mends it.
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
    """Returns once Postgres runs a query. Gives up early when `alive` says that it has ended.

    Raises: NoAnswer naming the address (without password), what was tried and the last failure; StackError.
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
        except Exception as error:  # a library may raise anything for "not there yet"; the last one is reported
            if isinstance(error, NotLetIn):
                raise
            if isinstance(error, ExpectedFailure) and not isinstance(error, Passing | StackError):
                raise NotLetIn(str(error)) from error  # to wait, and to be refused again, mends nothing
            last = f"{type(error).__name__} {error}".strip()
        if not alive():
            raise StackError(f"{what} has ended before it answered")
        if asyncio.get_running_loop().time() + PAUSE_SECONDS > deadline:
            raise NoAnswer(f"{what} does not answer: tried {tried} for {timeout_seconds:.0f} s; last: {last}")
        await asyncio.sleep(PAUSE_SECONDS)


class _quiet:
    """Silences a library's log while failures are expected; the failure itself is raised, not lost."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._level = self._logger.level

    def __enter__(self) -> None:
        self._logger.setLevel(logging.CRITICAL + 1)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)


#: Below the range from which Linux and macOS draw the ports of outgoing connections. A broker's port inside that range
#: can be lost during a restart: a client that keeps dialling it may be given that very port, and connect to itself.
LOW, HIGH = 15000, 32000
_random = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now. Another process may take one before you do: be ready to retry."""
    ports: list[int] = []
    while len(ports) < count:
        port = _random.randrange(LOW, HIGH)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
