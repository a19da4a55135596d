"""Connections to receivers: to the very address that was found fit, of whoever may be asked for it.

A name is looked up once, here, and each address that it stands for is looked at; the connection goes to one of those
that are fit, and TLS still asks for a certificate of the name. Whoever answers the next question about the name with
another address changes nothing (`addresses.py`).
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import httpcore

from services.concurrency import Turns, first_of
from services.webhooks.addresses import Network, permitted

#: Names that are looked up at once, and how many of them for one organization. A look-up cannot be broken off: a name
#: server that never answers takes a thread for as long as the system asks it, so nobody may take many.
LOOKUPS_AT_ONCE, SHARE = 64, 4
#: How long a name may take to be found, once it is its turn; and until that comes.
LOOKUP_SECONDS, TURN_SECONDS = 5.0, 5.0
#: Addresses of one name that are tried, one after the other.
ADDRESSES_MAX = 4
#: For which organization the task connects: httpcore, which has the connections made, carries it through nowhere else.
WHOSE: ContextVar[str] = ContextVar("WHOSE", default="")


class _Lookup:
    """One that is to be made, or is being made; `begun` is set when it is its turn."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.found: asyncio.Task[list[str]]


class Names:
    """Looks up names, off the loop: organizations take turns, and each name is looked up once at a time for one.

    `within`: seconds until a turn comes.
    """

    def __init__(self, within: float = TURN_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "webhook-names")
        self._turns = Turns("the looking up of names", LOOKUPS_AT_ONCE, SHARE, within)
        self._within = within
        self._asked: dict[tuple[str, str, int], _Lookup] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the name stands for now. Raises: NoTurnError, httpcore.ConnectError, httpcore.ConnectTimeout."""
        lookup = self._lookup(WHOSE.get(), host, port)
        await first_of(self._within + LOOKUP_SECONDS, lookup.begun, futures=[lookup.found])
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await asyncio.shield(lookup.found)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not found within {LOOKUP_SECONDS:.0f} s") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(f"{host} is not found") from None

    def _lookup(self, whose: str, host: str, port: int) -> _Lookup:
        """The one that is under way, or a new one. Whoever asked for it may leave: it keeps its turn to its end."""
        key = (whose, host, port)
        lookup = self._asked.get(key)
        if lookup is None:
            lookup = self._asked[key] = _Lookup()
            lookup.found = asyncio.create_task(self._found(lookup, whose, host, port))
            lookup.found.add_done_callback(lambda found: self._ended(key, found))
        return lookup

    async def _found(self, lookup: _Lookup, whose: str, host: str, port: int) -> list[str]:
        async with self._turns.turn(whose):  # there are as many threads as turns, so it begins now
            lookup.begun.set()
            return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)

    def _ended(self, key: tuple[str, str, int], found: "asyncio.Task[list[str]]") -> None:
        del self._asked[key]
        if not found.cancelled():
            found.exception()  # perhaps nobody is left whom it concerns

    def close(self) -> None:
        """Whoever still looks something up is not waited for."""
        for lookup in self._asked.values():
            lookup.found.cancel()
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
        """Raises: ForbiddenAddressError, NoTurnError, httpcore.ConnectError, httpcore.ConnectTimeout."""
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
