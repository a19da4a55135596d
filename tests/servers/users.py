"""An installation on servers of somebody's own: TLS at both, and each process enters either as a user of its own who
may do what docs/servers.md and docs/operation.md say, and no more.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.doctor.kafka_needs import ROLES
from services.kafka import Cluster
from services.run.process import environment_of
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, told_endpoints
from services.run.stack.supervise import Supervisor
from services.run.up import SERVICES, Service, System
from tests.forked import ForkedChild, prepare, trueup
from tests.servers.owned_postgres import OWNER, OWNERS_PASSWORD, OwnedPostgres
from tests.servers.rights import documented
from tests.servers.secured_kafka import TLS, SecuredKafka, password_of
from tests.servers.test_postgres_tls import TRUST

PARTITIONS = 4


@dataclass
class Installation:
    """One of several on a broker and a Postgres: names of topics and groups begin with `prefix`, it has a database."""

    broker: SecuredKafka
    postgres: OwnedPostgres
    #: Where Postgres speaks TLS.
    port: int
    home: Path
    prefix: str
    system: System = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        supervisor = Supervisor(ForkedChild)
        as_owner = self.settings_of("migrate"), self.endpoints_of("migrate")
        self.system = System(*as_owner, self.home, quiet=True, supervisor=supervisor)
        self.system._services = {
            name: Service(name, self.settings_of(name), self.endpoints_of(name), supervisor, self.home, quiet=True)
            for name in SERVICES
        }

    def settings_of(self, process: str) -> Settings:
        """Passwords stand in files. A process without a role is the owner of the database."""
        user = login_of(self.database, process)
        passwords = {"kafka": password_of(process), "database": OWNERS_PASSWORD if user == OWNER else password_of(user)}
        for server, password in passwords.items():
            (self.home / f"{process}.{server}").write_text(f"{password}\n")
        return load_settings(
            home=self.home,
            partitions=PARTITIONS,
            worker_session_ms=6000,
            api_port=0,
            kafka_bootstrap=self.broker.with_tls,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-256",
            kafka_username=process,
            kafka_password_file=self.home / f"{process}.kafka",
            kafka_ca_file=TLS.ca_file,
            kafka_topic_prefix=self.prefix,
            database_url=f"postgresql://{user}@127.0.0.1:{self.port}/{self.database}?sslmode=verify-full&{TRUST}",
            database_password_file=self.home / f"{process}.database",
        )

    @property
    def database(self) -> str:
        return self.prefix.strip(".-")

    def endpoints_of(self, process: str) -> Endpoints:
        return told_endpoints(self.settings_of(process))

    def cluster_of(self, user: str) -> Cluster:
        """Kafka alone, for who has no login at Postgres."""
        return self.endpoints_of(user).kafka

    async def migrate(self) -> None:
        """What docs/deploy.md has done before any process starts."""
        await self.system.migrate()
        for process, roles in ROLES.items():
            if roles:
                login = login_of(self.database, process)
                await self.postgres.add_user(login, password_of(login), roles)

    async def command(self, process: str, *arguments: str) -> tuple[int, str]:
        """A command with the rights of this process: its status and all that it says."""
        environment = environment_of(self.settings_of(process), self.endpoints_of(process))
        status, out, err = await trueup(*arguments, environment=environment)
        return status, out + err


def login_of(database: str, process: str) -> str:
    """Logins of Postgres are the cluster's: each installation has its own."""
    return f"{database}_{process}" if ROLES.get(process) else OWNER


@asynccontextmanager
async def placed(
    broker: SecuredKafka, postgres: OwnedPostgres, port: int, home: Path, prefix: str
) -> AsyncIterator[Installation]:
    """Rights and an empty database: nothing is migrated, nothing runs. What was started ends with the block."""
    found = Installation(broker, postgres, port, home, prefix)
    await broker.allow(list(documented(prefix)))
    await postgres.make_database(found.database)
    await prepare()
    try:
        yield found
    finally:
        await found.system.supervisor.stop_all()
