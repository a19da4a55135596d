"""Connects to one of the servers that an address names.

asyncpg tries several hosts one after the other within one common time limit. A host that never answers, such as a
machine that is gone, would use it up, and the next host would never be tried. Here each host has a limit of its own.
"""

import ssl
from typing import Any

import asyncpg

from services.postgres_url import Host, PostgresUrl

#: Errors after which the next server is tried: it is away, starting or stopping, or may not be written to.
_TRY_NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
#: The server that answered last, by address: it is tried first; otherwise each connection after a failover would wait
#: for the dead server. One for the whole process, since all its pools and connections have the same address.
_last: dict[str, Host] = {}


class NoServerError(OSError):
    """None of several servers could be used; the message has the reason for each."""


async def reach(url: str, *, timeout: float, **options: Any) -> Any:
    """Connect to the server that the address asks for, within so many seconds; `options` are asyncpg's.

    Returns asyncpg's connection. Raises: NoServerError if there are several servers, and none can be used; for a single
    server, or if one refuses us, what asyncpg raises.
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
    """The TLS context for sslrootcert=system, a value that asyncpg would take for the name of a file."""
    context = ssl.create_default_context()
    if certificate := address.parameters.get("sslcert"):
        context.load_cert_chain(
            certificate, address.parameters.get("sslkey"), address.parameters.get("sslpassword", "")
        )
    return context
