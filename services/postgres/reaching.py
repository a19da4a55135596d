"""Connects to one of the servers that an address names.

asyncpg tries several hosts one after the other in one common time, so one that swallows what it is sent (a machine that
is gone) would use it up, and the next would never be asked. Here each has a time of its own.
"""

import ssl
from typing import Any

import asyncpg

from services.postgres_url import Host, PostgresUrl

#: The server is away, starting or stopping, or not one that may be written.
_TRY_NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
#: Which server of an address answered last: it is asked first, or each connection after a failover would wait for the
#: dead one. One for the whole process, since all its pools and connections have the same address.
_last: dict[str, Host] = {}


class NoServerError(OSError):
    """None of several servers would do; the message says why each would not."""


async def reach(url: str, *, timeout: float, **options: Any) -> Any:
    """asyncpg's connection to the server that the address asks for, within so many seconds; `options` are asyncpg's.

    Raises: NoServerError of several; what asyncpg raises of one, or where a server that was reached refuses us.
    """
    address = PostgresUrl.of(url)
    if address.trusts_as_machine:
        options["ssl"] = _machines_trust(address)
    dsn, hosts = address.for_driver, sorted(address.hosts, key=lambda host: host != _last.get(url))
    if not hosts:
        return await asyncpg.connect(dsn, target_session_attrs=address.session_attrs, timeout=timeout, **options)
    share = timeout / len(hosts)
    said = []
    for host in hosts:
        try:
            connection = await asyncpg.connect(
                dsn,
                host=[host.name],
                port=[host.port],
                target_session_attrs=address.session_attrs,
                timeout=share,
                **options,
            )
        except _TRY_NEXT as error:
            if len(hosts) == 1:
                raise
            said.append(f"{host.name}:{host.port}: {error or type(error).__name__}")
        else:
            _last[url] = host
            return connection
    raise NoServerError("; ".join(said))


def _machines_trust(address: PostgresUrl) -> ssl.SSLContext:
    """For sslrootcert=system, which asyncpg takes for a file's name."""
    context = ssl.create_default_context()
    if certificate := address.parameters.get("sslcert"):
        context.load_cert_chain(
            certificate, address.parameters.get("sslkey"), address.parameters.get("sslpassword", "")
        )
    return context
