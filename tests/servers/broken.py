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
from tests.servers.place import LIMIT, PARTITIONS, Place
from tests.servers.rights import everything
from tests.servers.secured_kafka import PEM, Right

# What is broken, for which processes: settings, and the clock that is looked at.
Broken = tuple[Settings, Callable[[], datetime]]


def of(settings: Settings, now: Callable[[], datetime] = machine_now) -> Broken:
    return settings, now


async def wrong_password(place: Place) -> Broken:
    (place.home / "wrong").write_text("guessed")
    return of(place.settings(kafka_password_file=place.home / "wrong"))


async def wrong_mechanism(place: Place) -> Broken:
    where = place.broker.setting_up.bootstrap
    return of(place.settings(kafka_bootstrap=where, kafka_security_protocol="SASL_PLAINTEXT", kafka_ca_file=None))


async def kafka_of_another_authority(place: Place) -> Broken:
    return of(place.settings(kafka_ca_file=PEM / "other-ca.pem"))


async def no_checkpoint_secret(place: Place) -> Broken:
    return of(place.settings(checkpoint_secret_file=None))


async def closed_port(place: Place) -> Broken:
    return of(place.settings(kafka_bootstrap="127.0.0.1:1"))


async def one_of_two_addresses_closed(place: Place) -> Broken:
    return of(place.settings(kafka_bootstrap=f"127.0.0.1:1,{place.broker.with_tls}"))


async def without_tls(place: Place) -> Broken:
    return of(place.settings(kafka_bootstrap=place.broker.without_tls))


async def advertised_elsewhere(place: Place) -> Broken:
    ways = ("security_protocol", "sasl_mechanism", "username", "password_file", "ca_file")
    told = {"kafka_bootstrap": place.broker.misled} | {f"kafka_{name}": None for name in ways}
    return of(place.settings(**told))


async def no_right_to_a_topic(place: Place) -> Broken:
    rights = [right for right in everything("nobody", "partly.") if right.operation != "write"]
    rights += [Right("nobody", "write", "topic", f"partly.{topic.name}") for topic in TOPICS if topic.name != USAGE]
    await place.broker.allow(rights)
    await make_topics(Cluster(place.broker.setting_up.bootstrap, prefix="partly."), PARTITIONS, int(LIMIT), {})
    return of(place.settings("nobody", kafka_topic_prefix="partly."))


async def topic_missing(place: Place) -> Broken:
    return of(await place.topics("missing.", USAGE))


async def other_cleanup(place: Place) -> Broken:
    return of(await place.topics("compacted.", EVENTS, **{"cleanup.policy": "compact"}))


async def retention(place: Place) -> Broken:
    return of(await place.topics("forgotten.", EVENTS, **{"retention.ms": "604800000"}))


async def small_records(place: Place) -> Broken:
    return of(await place.topics("small.", USAGE, **{"max.message.bytes": "1048588"}))


async def other_partitions(place: Place) -> Broken:
    settings = await place.topics("shrunk.", USAGE)
    admin = new_admin(place.broker.setting_up)
    await admin.start()
    config = {**TOPICS[0].config, "max.message.bytes": LIMIT}
    await admin.create_topics([NewTopic("shrunk.usage", PARTITIONS - 1, 1, topic_configs=config)])
    await admin.close()
    return of(settings)


async def postgres_password(place: Place) -> Broken:
    (place.home / "wrong").write_text("guessed")
    return of(place.settings(database_password_file=place.home / "wrong"))


async def postgres_closed(place: Place) -> Broken:
    return of(place.settings(database_url=place.url(port=1)))


async def postgres_of_another_authority(place: Place) -> Broken:
    return of(place.settings(database_url=place.url(ca="other-ca")))


async def postgres_of_another_name(place: Place) -> Broken:
    return of(place.settings(database_url=place.url(port=place.other_name)))


async def database_missing(place: Place) -> Broken:
    return of(place.settings(database_url=place.url("nowhere")))


async def not_migrated(place: Place) -> Broken:
    async with place.postgres.administrator() as connection:
        await connection.execute(f"CREATE DATABASE fresh OWNER {OWNER}")
    return of(place.settings(database_url=place.url("fresh")))


async def migrated_by_a_newer_version(place: Place) -> Broken:
    await place.postgres.copy("newer", "INSERT INTO store.migrations (name) VALUES ('9999_future.sql')")
    return of(place.settings(database_url=place.url("newer")))


async def role_without_rights(place: Place) -> Broken:
    await place.postgres.copy("poor", "REVOKE SELECT ON store.relay FROM trueup_relay")
    return of(place.settings(database_url=place.url("poor")))


async def role_not_granted(place: Place) -> Broken:
    async with place.postgres.administrator() as connection:
        await connection.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{OWNERS_PASSWORD}'")
        await connection.execute(
            "GRANT trueup_api, trueup_watch, trueup_ingest, trueup_projector, trueup_webhooks"
            " TO stranger WITH INHERIT TRUE"
        )
    return of(place.settings(database_url=place.url(user="stranger")))


async def no_row_security(place: Place) -> Broken:
    await place.postgres.copy("open_to_all", "DROP POLICY of_organization ON store.entities")
    return of(place.settings(database_url=place.url("open_to_all")))


async def other_read_models(place: Place) -> Broken:
    await place.postgres.copy("old", "COMMENT ON SCHEMA rm_1 IS 'of-another-version'")
    return of(place.settings(database_url=place.url("old")))


async def no_personal_key(place: Place) -> Broken:
    columns, key = "organization, account, key_id, key, wrapped_by", "'acme', 'id', 'key', 'wrapped', 'the first'"
    await place.postgres.copy("sealed", f"INSERT INTO store.personal_keys ({columns}) VALUES ({key})")
    return of(place.settings(database_url=place.url("sealed")))


async def clock_off(place: Place) -> Broken:
    return of(place.settings(), lambda: datetime.now(UTC) + timedelta(minutes=7))


Break = Callable[[Place], Coroutine[Any, Any, Broken]]
