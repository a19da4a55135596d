"""The address of Postgres as libpq writes it, and the parts of it that the driver has to be told otherwise.

The driver, asyncpg, takes what it does not know for a setting of the server, which then refuses the connection. So what
libpq knows beyond it is told apart here: what changes nothing is left out, what would make a promise is refused.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

EXAMPLE = "postgresql://user:password@host:5432/database"
PORT = 5432
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: We write wherever we connect.
SESSION_ATTRS = ("any", "read-write", "primary")
#: Files that the driver reads, by parameter.
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
#: libpq's word for: whoever this machine trusts.
SYSTEM = "system"
#: Of libpq alone, and about how it goes about things, not about what holds then.
_LEFT_OUT = frozenset(
    (
        *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "client_encoding", "fallback_application_name", "sslcompression", "sslsni"),
        *("load_balance_hosts", "gssencmode", "gssdelegation", "min_protocol_version", "max_protocol_version"),
    )
)
#: Of libpq alone, with the values that ask for nothing that we could not keep.
_REFUSED = {
    "channel_binding": ("disable", "prefer"),
    "require_auth": (),
    "requirepeer": (),
    "hostaddr": (),
    "sslcertmode": ("allow",),
    "sslcrldir": (),
    "requiressl": ("0",),
    "replication": ("false", "off", "no", "0"),
}


class Host(NamedTuple):
    """A server's name, or the folder of its socket, and its port."""

    name: str
    port: int


class PostgresUrl(NamedTuple):
    """A URL that was taken apart; `parameters` are those behind the question mark, each once.

    No host means the usual places on this machine, in whose order the driver looks.
    """

    text: str
    hosts: tuple[Host, ...]
    parameters: dict[str, str]

    @classmethod
    def of(cls, text: str) -> "PostgresUrl":
        """Raises: ValueError saying what it must be."""
        parts = urlsplit(text)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError(f"must be a URL such as {EXAMPLE}")
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        database = unquote(parts.path.lstrip("/")) or parameters.get("dbname") or parameters.get("database")
        if not database:
            raise ValueError(f"must be a URL such as {EXAMPLE}, with a database")
        url = cls(text, tuple(_hosts(parts.netloc.rpartition("@")[2], parameters)), parameters)
        for problem in url._problems():
            raise ValueError(problem)
        return url

    def _problems(self) -> Iterator[str]:
        told = self.parameters
        if (mode := told.get("sslmode")) is not None and mode not in SSL_MODES:
            yield f"has sslmode {mode}, which must be one of {', '.join(SSL_MODES)}"
        if (attrs := told.get("target_session_attrs")) is not None and attrs not in SESSION_ATTRS:
            yield f"has target_session_attrs {attrs}, which must be one of {', '.join(SESSION_ATTRS)}: Trueup writes"
        if told.get("sslrootcert") == SYSTEM and mode != "verify-full":
            yield "has sslrootcert system, which needs sslmode verify-full"
        for name, allowed in _REFUSED.items():
            if name in told and told[name] not in allowed:
                yield f"has {name}, which the driver does not know: leave it out, or connect without relying on it"

    @property
    def session_attrs(self) -> str:
        """What a server must be: of several, unless told otherwise, the one that may be written."""
        return self.parameters.get("target_session_attrs") or ("read-write" if len(self.hosts) > 1 else "any")

    @property
    def for_driver(self) -> str:
        """The URL without what the driver does not know."""
        parts = urlsplit(self.text)
        own = {*_LEFT_OUT, *_REFUSED, "target_session_attrs"}
        if self.trusts_as_machine:
            own |= {"sslrootcert", "sslmode"}
        kept = {name: value for name, value in self.parameters.items() if name not in own}
        return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))

    def only(self, host: Host | None) -> str:
        """The URL of this one of its hosts, whatever it is good for; of None what it is."""
        if host is None:
            return self.text
        parts = urlsplit(self.text)
        name = f"[{host.name}]" if ":" in host.name else host.name
        named = {"host": name, "port": str(host.port), "target_session_attrs": "any"}
        query = urlencode({**self.parameters, **named}, quote_via=quote)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}", query=query))

    @property
    def trusts_as_machine(self) -> bool:
        """Whether the server's certificate is to be signed by one whom this machine trusts."""
        return self.parameters.get("sslrootcert") == SYSTEM

    @property
    def files(self) -> dict[str, str]:
        """The files that it names, by parameter."""
        named = {name: self.parameters[name] for name in FILES if self.parameters.get(name)}
        if self.trusts_as_machine:
            del named["sslrootcert"]
        return named

    @property
    def has_password(self) -> bool:
        return bool(urlsplit(self.text).netloc.rpartition("@")[0].partition(":")[2]) or "password" in self.parameters

    def with_password(self, password: str) -> str:
        """The URL with this password."""
        parts = urlsplit(self.text)
        query = urlencode({**self.parameters, "password": password}, quote_via=quote)
        return urlunsplit(parts._replace(query=query))


def redacted(url: str) -> str:
    """The URL with its passwords hidden: the only form that may reach a log or an error."""
    url = re.sub(r"(://[^:/@?]*):[^/?]*@", r"\1:***@", url)
    url = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", r"\1***", url)


def _hosts(spec: str, parameters: dict[str, str]) -> Iterator[Host]:
    """Those of the address, else of the parameter `host`, each with its port; none is whatever libpq looks for then.

    Raises: ValueError.
    """
    if not spec and not parameters.get("host"):
        return
    names: list[str] = []
    ports: list[str | None] = []
    for host in (spec or parameters["host"]).split(","):
        if host.startswith("/"):
            names.append(host)
            ports.append(None)
            continue
        match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", unquote(host))
        if match is None:
            raise ValueError(f"names host {host!r}, which is none; write it host:port, or [address]:port")
        names.append(match[1].strip("[]") or "localhost")
        ports.append(match[2])
    given = (parameters.get("port") or "").split(",") if not any(ports) else [""]
    if len(given) not in (1, len(names)):
        raise ValueError(f"has {len(given)} ports for {len(names)} hosts")
    shared = given * len(names) if len(given) == 1 else given
    for name, own, other in zip(names, ports, shared, strict=True):
        port = own or other or str(PORT)
        if not port.isdigit() or not 0 < int(port) <= 65535:
            raise ValueError(f"has port {port!r}, which is none; write it host:port, or [address]:port")
        yield Host(name, int(port))
