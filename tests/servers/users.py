"""A system whose every process enters Kafka as a user of its own, who may do what docs/servers.md says and no more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.kafka import Cluster
from services.run.cluster import cluster_at
from services.run.process import environment_of
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, Stack
from services.run.stack.supervise import Supervisor
from services.run.up import SERVICES, Service, System
from tests.forked import ForkedChild, prepare, trueup
from tests.servers.rights import documented
from tests.servers.secured_kafka import TLS, SecuredKafka, password_of

PARTITIONS = 4


@dataclass
class Installation:
    """One of several on a broker: all of its names begin with `prefix`."""

    broker: SecuredKafka
    home: Path
    prefix: str
    system: System

    def settings_of(self, user: str) -> Settings:
        return settings_of(self.broker, self.home, self.prefix, user)

    def cluster_of(self, user: str) -> Cluster:
        return cluster_at(self.broker.with_tls, self.settings_of(user))

    def endpoints_of(self, user: str) -> Endpoints:
        return Endpoints(self.cluster_of(user), self.system.endpoints.database_url)

    async def command(self, user: str, *arguments: str) -> tuple[int, str]:
        """A command as this user: its status and all that it says."""
        environment = environment_of(self.settings_of(user), self.endpoints_of(user))
        status, out, err = await trueup(*arguments, environment=environment)
        return status, out + err


def settings_of(broker: SecuredKafka, home: Path, prefix: str, user: str) -> Settings:
    """The password stands in a file."""
    home.mkdir(exist_ok=True, parents=True)
    secret = home / f"{user}.password"
    secret.write_text(password_of(user) + "\n")
    return load_settings(
        home=home,
        partitions=PARTITIONS,
        worker_session_ms=6000,
        api_port=0,
        kafka_bootstrap=broker.with_tls,
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-256",
        kafka_username=user,
        kafka_password_file=secret,
        kafka_ca_file=TLS.ca_file,
        kafka_topic_prefix=prefix,
    )


@asynccontextmanager
async def installed(broker: SecuredKafka, home: Path, prefix: str) -> AsyncIterator[Installation]:
    """Its Postgres is its own, its Kafka is the broker."""
    await broker.allow(list(documented(prefix)))
    settings = settings_of(broker, home, prefix, "migrate")
    stack = Stack(settings)
    try:
        await prepare()
        system = System(settings, await stack.start(), home, quiet=True, supervisor=Supervisor(ForkedChild))
        found = Installation(broker, home, prefix, system)
        system._services = {
            name: Service(name, found.settings_of(name), system.endpoints, system.supervisor, home, quiet=True)
            for name in SERVICES
        }
        try:
            await system.migrate()
            await system.start()
            yield found
        finally:
            await system.supervisor.stop_all()
    finally:
        await stack.stop()
