"""Set-ups of which one thing is broken."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.admin import NewTopic

from events.topics import EVENTS, TOPICS, USAGE
from services.doctor.clocks import machine_now
from services.kafka import Cluster, new_admin
from services.migrate.topics import make_topics
from services.run.settings import Settings
from tests.servers.owned_postgres import OWNER, OWNERS_PASSWORD
from tests.servers.rights import everything
from tests.servers.secured_kafka import PEM, Right
from tests.servers.sound_servers import LIMIT, PARTITIONS, Servers

# What is broken, for which processes: settings, and the clock that is looked at.
Broken = tuple[Settings, Callable[[], datetime]]


def of(settings: Settings, now: Callable[[], datetime] = machine_now) -> Broken:
    return settings, now


async def wrong_password(servers: Servers) -> Broken:
    (servers.home / "wrong").write_text("guessed")
    return of(servers.settings(kafka_password_file=servers.home / "wrong"))


async def wrong_mechanism(servers: Servers) -> Broken:
    where = servers.broker.setting_up.bootstrap
    return of(servers.settings(kafka_bootstrap=where, kafka_security_protocol="SASL_PLAINTEXT", kafka_ca_file=None))


async def kafka_of_another_authority(servers: Servers) -> Broken:
    return of(servers.settings(kafka_ca_file=PEM / "other-ca.pem"))


async def no_checkpoint_secret(servers: Servers) -> Broken:
    return of(servers.settings(checkpoint_secret_file=None))


async def closed_port(servers: Servers) -> Broken:
    return of(servers.settings(kafka_bootstrap="127.0.0.1:1"))


async def one_of_two_addresses_closed(servers: Servers) -> Broken:
    return of(servers.settings(kafka_bootstrap=f"127.0.0.1:1,{servers.broker.with_tls}"))


async def without_tls(servers: Servers) -> Broken:
    return of(servers.settings(kafka_bootstrap=servers.broker.without_tls))


async def advertised_elsewhere(servers: Servers) -> Broken:
    ways = ("security_protocol", "sasl_mechanism", "username", "password_file", "ca_file")
    told = {"kafka_bootstrap": servers.broker.misled} | {f"kafka_{name}": None for name in ways}
    return of(servers.settings(**told))


async def no_right_to_a_topic(servers: Servers) -> Broken:
    rights = [right for right in everything("nobody", "partly.") if right.operation != "write"]
    rights += [Right("nobody", "write", "topic", f"partly.{topic.name}") for topic in TOPICS if topic.name != USAGE]
    await servers.broker.allow(rights)
    await make_topics(Cluster(servers.broker.setting_up.bootstrap, prefix="partly."), PARTITIONS, int(LIMIT), {})
    return of(servers.settings("nobody", kafka_topic_prefix="partly."))


async def topic_missing(servers: Servers) -> Broken:
    return of(await servers.topics("missing.", USAGE))


async def other_cleanup(servers: Servers) -> Broken:
    return of(await servers.topics("compacted.", EVENTS, **{"cleanup.policy": "compact"}))


async def retention(servers: Servers) -> Broken:
    return of(await servers.topics("forgotten.", EVENTS, **{"retention.ms": "604800000"}))


async def small_records(servers: Servers) -> Broken:
    return of(await servers.topics("small.", USAGE, **{"max.message.bytes": "1048588"}))


async def other_partitions(servers: Servers) -> Broken:
    settings = await servers.topics("shrunk.", USAGE)
    admin = new_admin(servers.broker.setting_up)
    await admin.start()
    config = {**TOPICS[0].config, "max.message.bytes": LIMIT}
    await admin.create_topics([NewTopic("shrunk.usage", PARTITIONS - 1, 1, topic_configs=config)])
    await admin.close()
    return of(settings)


async def postgres_password(servers: Servers) -> Broken:
    (servers.home / "wrong").write_text("guessed")
    return of(servers.settings(database_password_file=servers.home / "wrong"))


async def postgres_closed(servers: Servers) -> Broken:
    return of(servers.settings(database_url=servers.url(port=1)))


async def postgres_of_another_authority(servers: Servers) -> Broken:
    return of(servers.settings(database_url=servers.url(ca="other-ca")))


async def postgres_of_another_name(servers: Servers) -> Broken:
    return of(servers.settings(database_url=servers.url(port=servers.other_name)))


async def database_missing(servers: Servers) -> Broken:
    return of(servers.settings(database_url=servers.url("nowhere")))


async def not_migrated(servers: Servers) -> Broken:
    async with servers.postgres.administrator() as connection:
        await connection.execute(f"CREATE DATABASE fresh OWNER {OWNER}")
    return of(servers.settings(database_url=servers.url("fresh")))


async def migrated_by_a_newer_version(servers: Servers) -> Broken:
    await servers.postgres.copy("newer", "INSERT INTO store.migrations (name) VALUES ('9999_future.sql')")
    return of(servers.settings(database_url=servers.url("newer")))


async def role_without_rights(servers: Servers) -> Broken:
    await servers.postgres.copy("poor", "REVOKE SELECT ON store.relay FROM trueup_relay")
    return of(servers.settings(database_url=servers.url("poor")))


async def role_not_granted(servers: Servers) -> Broken:
    async with servers.postgres.administrator() as connection:
        await connection.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{OWNERS_PASSWORD}'")
        await connection.execute(
            "GRANT trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_webhooks"
            " TO stranger WITH INHERIT TRUE"
        )
    return of(servers.settings(database_url=servers.url(user="stranger")))


async def no_row_security(servers: Servers) -> Broken:
    await servers.postgres.copy("open_to_all", "DROP POLICY of_organization ON store.entities")
    return of(servers.settings(database_url=servers.url("open_to_all")))


async def other_read_models(servers: Servers) -> Broken:
    await servers.postgres.copy("old", "COMMENT ON SCHEMA rm_1 IS 'of-another-version'")
    return of(servers.settings(database_url=servers.url("old")))


async def no_personal_key(servers: Servers) -> Broken:
    columns, key = "organization, account, key_id, key, wrapped_by", "'acme', 'id', 'key', 'wrapped', 'the first'"
    await servers.postgres.copy("sealed", f"INSERT INTO store.personal_keys ({columns}) VALUES ({key})")
    return of(servers.settings(database_url=servers.url("sealed")))


async def clock_off(servers: Servers) -> Broken:
    return of(servers.settings(), lambda: datetime.now(UTC) + timedelta(minutes=7))


Break = Callable[[Servers], Coroutine[Any, Any, Broken]]
