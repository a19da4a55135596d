"""Connections to receivers: to the very address that was checked, within the turns of the organization.

A name is looked up once, here, and each of its addresses is checked. The connection goes to a permitted one, and TLS
still requires a certificate of the name. A different answer to a later look-up changes nothing (`addresses.py`).
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

#: Most look-ups at once, and most for one organization. A look-up cannot be interrupted: a name server that never
#: answers keeps a thread for as long as the system asks it, so no organization may hold many.
LOOKUPS_AT_ONCE, SHARE = 64, 4
#: Most seconds of a look-up, and of the wait for its turn.
LOOKUP_SECONDS, TURN_SECONDS = 5.0, 5.0
#: Addresses of one name that are tried, one after the other.
ADDRESSES_MAX = 4
#: The organization of the running task. A context variable, because httpcore passes no argument through to the
#: connection.
WHOSE: ContextVar[str] = ContextVar("WHOSE", default="")


class _Lookup:
    """A look-up, waiting or running; `begun` is set when its turn comes."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.found: asyncio.Task[list[str]]


class Names:
    """Looks up names, off the loop: organizations take turns, and concurrent look-ups of a name by one organization are
    one.

    `within`: seconds until a turn comes.
    """

    def __init__(self, within: float = TURN_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "webhook-names")
        self._turns = Turns("the looking up of names", LOOKUPS_AT_ONCE, SHARE, within)
        self._within = within
        self._asked: dict[tuple[str, str, int], _Lookup] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """The present addresses of the name. Raises: NoTurnError, httpcore.ConnectError, httpcore.ConnectTimeout."""
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
        """The running look-up, or a new one. It finishes even if its caller leaves."""
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
            found.exception()  # all its callers may have left

    def close(self) -> None:
        """Stop without waiting for running look-ups."""
        for lookup in self._asked.values():
            lookup.found.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class FitAddresses(httpcore.AsyncNetworkBackend):
    """httpcore's way to connect: only to addresses of the public internet and of the allowed networks."""

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
        """Connect. Raises: ForbiddenAddressError, NoTurnError, httpcore.ConnectError, httpcore.ConnectTimeout."""
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
