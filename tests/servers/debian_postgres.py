"""A Postgres that speaks TLS itself, from Debian's package: the embedded one is built without.

Tests that need it are skipped where it is not installed, and say so.
"""

import shutil
from pathlib import Path

import asyncpg
import pytest

from services.run.stack.postgres import NAME, SETTINGS, EmbeddedPostgres
from services.run.stack.probe import free_ports
from tests.servers.secured_kafka import PEM

BINARIES = Path("/usr/lib/postgresql/15/bin")
needs_it = pytest.mark.skipif(not BINARIES.exists(), reason="needs Debian's package postgresql-15")
#: Over TCP nobody comes without TLS: `trueup` by a certificate of that name, all others by password.
_LOGINS = """
local all trueup trust
hostssl all trueup 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""


class DebianPostgres(EmbeddedPostgres):
    """It shows a certificate for 127.0.0.1, or one for elsewhere."""

    kept = None  # the other clusters are of another version

    def __init__(self, folder: Path, certificate: str = "server") -> None:
        super().__init__(folder)
        self.port = free_ports(1)[0]
        self._certificate = certificate
        tls = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key", "ssl_ca_file": "ca.pem"}
        self.server_settings = {
            **SETTINGS,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "ssl": "on",
            **{name: str(folder / file) for name, file in tls.items()},
        }

    async def start(self) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        for source, copy in ((self._certificate, "server"), ("ca", "ca")):
            for suffix in ("pem", "key"):
                if (file := PEM / f"{source}.{suffix}").exists():
                    # Postgres takes no key that others may read.
                    shutil.copy(file, self._folder / f"{copy}.{suffix}")
                    (self._folder / f"{copy}.{suffix}").chmod(0o600)
        return await super().start()

    async def _initialise(self) -> None:
        await super()._initialise()
        (self._data / "pg_hba.conf").write_text(_LOGINS)

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self._url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {NAME}")
        finally:
            await connection.close()

    def _binaries(self) -> Path:
        return BINARIES

    def _url(self, database: str) -> str:
        return f"{super()._url(database)}&port={self.port}"
