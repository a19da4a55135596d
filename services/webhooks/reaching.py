"""Connections to receivers: to the very address that was found fit, of whoever may be asked for it.

A name is looked up once, here, and each address that it stands for is looked at; the connection goes to one of those
that are fit, and TLS still asks for a certificate of the name. Whoever answers the next question about the name with
another address changes nothing (`addresses.py`).
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from services.webhooks.addresses import Network, permitted

#: Names that are looked up at once, each once at a time: an organization's name server that never answers takes one.
LOOKUPS_AT_ONCE = 64
LOOKUP_SECONDS = 5.0
#: Addresses of one name that are tried, one after the other.
ADDRESSES_MAX = 4


class Names:
    """Looks up names, off the loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "webhook-names")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the name stands for now. Raises: httpcore.ConnectError, httpcore.ConnectTimeout."""
        key = (host, port)
        lookup = self._asked.get(key)
        if lookup is None:
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._asked[key] = lookup
            lookup.add_done_callback(lambda _: self._asked.pop(key, None))
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await asyncio.shield(lookup)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not found within {LOOKUP_SECONDS:.0f} s") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(f"{host} is not found") from None

    def close(self) -> None:
        """Whoever still looks something up is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class FitAddresses(httpcore.AsyncNetworkBackend):
    """How httpcore connects: to addresses of the public internet, and of the networks that are allowed besides."""

    def __init__(self, names: Names, allowed: Sequence[Network]) -> None:
        self._names, self._allowed = names, allowed
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # httpcore's name
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises: ForbiddenAddressError, httpcore.ConnectError, httpcore.ConnectTimeout."""
        failed: Exception | None = None
        addresses = await self._names.addresses(host, port)
        for address in permitted(host, addresses, self._allowed)[:ADDRESSES_MAX]:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        assert failed is not None
        raise failed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
