"""Servers as docs/deploy.md asks for them, with TLS, logins and rights, on which an installation is right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events.topics import TOPICS
from services.kafka import Cluster, new_admin
from services.migrate.migrate import migrate
from services.migrate.topics import make_topics
from services.run.settings import Settings, load_settings
from services.run.stack import told_endpoints
from tests.servers.owned_postgres import OWNER, OWNERS_PASSWORD, OwnedPostgres
from tests.servers.rights import documented, everything
from tests.servers.secured_kafka import PEM, TLS, SecuredKafka, password_of
from tests.servers.terminator import terminated

PARTITIONS = 3
GREEN = "green."
LIMIT = str(8 * 1024 * 1024)
RETENTION = {topic.name: topic.config["retention.ms"] for topic in TOPICS}


@dataclass
class Servers:
    """Servers on which everything is right, and how they are reached."""

    broker: SecuredKafka
    postgres: OwnedPostgres
    port: int
    other_name: int
    home: Path

    def settings(self, user: str = "all", /, **changed: Any) -> Settings:
        """Of a process that enters Kafka as this user, Postgres as the owner; `changed` is what is broken."""
        secrets = {"kafka": password_of(user), "database": OWNERS_PASSWORD}
        for name, secret in secrets.items():
            (self.home / f"{user}-{name}").write_text(f"{secret}\n")
        (self.home / "checkpoint-secret").write_text("of the checkpoints, and long enough\n")
        told = {
            "home": self.home,
            "partitions": PARTITIONS,
            "kafka_bootstrap": self.broker.with_tls,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": user,
            "kafka_password_file": self.home / f"{user}-kafka",
            "kafka_ca_file": TLS.ca_file,
            "kafka_topic_prefix": GREEN,
            "checkpoint_secret_file": self.home / "checkpoint-secret",
            "database_url": self.url(),
            "database_password_file": self.home / f"{user}-database",
        }
        return load_settings(**{name: value for name, value in (told | changed).items() if value is not None})

    def url(self, database: str = OWNER, user: str = OWNER, *, port: int = 0, ca: str = "ca") -> str:
        trust = f"sslmode=verify-full&sslrootcert={PEM / ca}.pem"
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}?{trust}"

    async def topics(self, prefix: str, broken: str, **config: str) -> Settings:
        """Topics of another installation that are right, but for this one, which has other settings or is left out."""
        cluster = Cluster(self.broker.setting_up.bootstrap, prefix=prefix)
        await make_topics(cluster, PARTITIONS, int(LIMIT), {})
        admin = new_admin(cluster)
        await admin.start()
        try:
            name = cluster.topic(broken)
            if config:
                # What is not told is set back to the cluster's own.
                whole = {**TOPICS[0].config, "retention.ms": RETENTION[broken], "max.message.bytes": LIMIT} | config
                await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, whole)])
            else:
                await admin.delete_topics([name])
        finally:
            await admin.close()
        await self.broker.allow(list(everything("all", prefix)))
        return self.settings(kafka_topic_prefix=prefix)


@asynccontextmanager
async def running_servers(secured: SecuredKafka, home: Path) -> AsyncIterator[Servers]:
    """The servers, migrated."""
    postgres = OwnedPostgres(home / "postgres")
    await postgres.start()
    try:
        await postgres.make_owner()
        await postgres.make_database()
        await secured.allow([*documented(GREEN), *everything("all", GREEN)])
        socket = str(postgres.socket)
        async with terminated(socket) as port, terminated(socket, "elsewhere") as other:
            found = Servers(secured, postgres, port, other, home)
            settings = found.settings("migrate")
            await migrate(settings, told_endpoints(settings))
            yield found
    finally:
        await postgres.stop()
