"""`trueup doctor`: green where docs/deploy.md was followed; of each thing that is broken it says the right word."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from events.actors import RELAY
from events.codec import encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from events.topics import CATALOG
from services.doctor.examine import examine
from services.doctor.findings import Report, Status
from services.doctor.kafka_needs import KAFKA_ALONE, PROCESSES, rights_of
from services.kafka import BatchWriter, Cluster, Record
from services.migrate.topics import make_topics
from services.run.process import environment_of
from services.run.settings import Settings
from services.run.stack import told_endpoints
from tests.forked import trueup
from tests.servers.broken import (
    Break,
    advertised_elsewhere,
    clock_off,
    closed_port,
    database_missing,
    kafka_of_another_authority,
    migrated_by_a_newer_version,
    no_checkpoint_secret,
    no_personal_key,
    no_right_to_a_topic,
    no_row_security,
    not_migrated,
    one_of_two_addresses_closed,
    other_cleanup,
    other_partitions,
    other_read_models,
    postgres_closed,
    postgres_of_another_authority,
    postgres_of_another_name,
    postgres_password,
    retention,
    role_not_granted,
    role_without_rights,
    small_records,
    topic_missing,
    without_tls,
    wrong_mechanism,
    wrong_password,
)
from tests.servers.owned_postgres import OWNERS_PASSWORD
from tests.servers.rights import everything
from tests.servers.secured_kafka import SecuredKafka, password_of
from tests.servers.sound_servers import GREEN, LIMIT, PARTITIONS, Servers, running_servers
from tests.servers.test_entering import pretender

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with running_servers(secured, tmp_path_factory.mktemp("doctor")) as running:
        yield running


def red(report: Report) -> list[str]:
    return [str(finding) for finding in report.findings if finding.status is Status.WRONG]


@pytest.mark.parametrize("process", PROCESSES)
async def test_green_for_each_process_with_no_more_rights_than_it_needs(servers: Servers, process: str) -> None:
    report = await examine([process], settings=servers.settings(process))
    assert report.is_green, red(report)
    assert {finding.status for finding in report.findings} <= {Status.OK, Status.NOT_TRIED}
    # Only who makes topics may see their settings, and no relay has ticked yet.
    untried = {finding.about for finding in report.findings if finding.status is Status.NOT_TRIED}
    seen = {right.name for right in rights_of(process) if right.kind == "topic"}
    shown = set() if process in ("migrate", "restore") else {f"topic {GREEN}{name}" for name in seen}
    assert untried == {"Kafka"} | shown


@pytest.mark.parametrize("process", sorted(KAFKA_ALONE))
async def test_who_asks_kafka_alone_needs_no_postgres(servers: Servers, process: str) -> None:
    alone = servers.settings(process, database_url=None, database_password_file=None)
    report = await examine([process], settings=alone)
    assert report.is_green, red(report)
    assert not [row for row in report.findings if row.check.startswith("postgres") and row.status is Status.OK]


async def test_without_a_secret_for_checkpoints_all_else_is_green(servers: Servers) -> None:
    report = await examine(settings=servers.settings(checkpoint_secret_file=None))
    assert report.is_green, red(report)
    [noted] = [finding for finding in report.findings if finding.status is Status.NOTE]
    assert noted.about == "TRUEUP_CHECKPOINT_SECRET"


async def run(settings: Settings, *options: str) -> tuple[int, str, str]:
    return await trueup("doctor", *options, environment=environment_of(settings, told_endpoints(settings)))


async def test_the_command_ends_with_0_if_all_is_right(servers: Servers) -> None:
    status, said, complained = await run(servers.settings("all"))
    assert (status, complained) == (0, ""), said
    assert said.splitlines()[-1] == "green: nothing is wrong"
    assert all(secret not in said for secret in (OWNERS_PASSWORD, password_of("all")))


async def test_the_command_ends_with_1_and_says_it_in_json(servers: Servers) -> None:
    status, said, complained = await run(servers.settings("nobody"), "--json", "--as", "relay")
    report = json.loads(said)
    assert (status, complained, report["green"]) == (1, "", False)
    wrong = [finding for finding in report["findings"] if finding["status"] == "wrong"]
    assert {finding["check"] for finding in wrong} == {"kafka-right"}
    assert all(finding["mend"] and "\n" not in finding["says"] for finding in wrong)


BROKEN: dict[Break, tuple[str, str]] = {
    no_checkpoint_secret: ("settings", "TRUEUP_CHECKPOINT_SECRET: is not given, and no notary starts without it; give"),
    wrong_password: (
        "kafka-login",
        r"does not let in user 'all' .*check TRUEUP_KAFKA_USERNAME, TRUEUP_KAFKA_PASSWORD",
    ),
    wrong_mechanism: ("kafka-login", "takes no SASL on this port; check TRUEUP_KAFKA_SECURITY_PROTOCOL"),
    kafka_of_another_authority: ("kafka-tls", r"not trusted: .*TRUEUP_KAFKA_CA_FILE .*other-ca.pem must hold"),
    closed_port: ("kafka-reached", "127.0.0.1:1: does not answer: .*; check TRUEUP_KAFKA_BOOTSTRAP"),
    one_of_two_addresses_closed: ("kafka-reached", "127.0.0.1:1: does not answer"),
    without_tls: (
        "kafka-reached",
        "closes the connection when it is spoken to as SASL_SSL; check .*_PROTOCOL and the",
    ),
    advertised_elsewhere: (
        "kafka-advertised",
        "broker 1 says that it is reached here, .*; set advertised.listeners",
    ),
    no_right_to_a_topic: (
        "kafka-right",
        r"topic partly.usage: user 'nobody' may not WRITE \(api, ingest, restore\); kafka-acls.sh .*--add"
        " --allow-principal User:nobody --operation Write --topic partly.usage",
    ),
    topic_missing: ("kafka-topic", "topic missing.usage: does not exist, but it did; see docs/operation.md"),
    other_cleanup: (
        "kafka-topic",
        "cleanup.policy is compact but must be delete; kafka-configs.sh .*policy=delete",
    ),
    retention: (
        "kafka-topic",
        "topic forgotten.billing.events: retention.ms is 604800000 but must be -1; kafka-conf",
    ),
    small_records: (
        "kafka-topic",
        "max.message.bytes is 1048588 but must be at least 8388608; kafka-configs.sh .*",
    ),
    other_partitions: ("kafka-topic", "topic shrunk.usage: has 2 partitions, not 3; it was made anew"),
    postgres_password: ("postgres-login", "password authentication failed.*; check .*TRUEUP_DATABASE_PASSWORD"),
    postgres_closed: (
        "postgres-reached",
        "127.0.0.1:1: does not answer.*; check host and port of TRUEUP_DATABASE_URL",
    ),
    postgres_of_another_authority: ("postgres-tls", "not trusted: .*other-ca.pem.* must hold who signed it"),
    postgres_of_another_name: ("postgres-tls", "not trusted: IP address mismatch.*the host be a name in it"),
    database_missing: ("postgres-database", r'database "nowhere" does not exist; make it \(CREATE DATABASE'),
    not_migrated: ("store", "is not migrated; run `trueup migrate`"),
    migrated_by_a_newer_version: (
        "store",
        r"was migrated by a newer version \(9999_future.sql\); run that version",
    ),
    role_without_rights: (
        "postgres-right",
        "trueup_relay: may not SELECT ON TABLE store.relay; run `trueup migrate`",
    ),
    role_not_granted: (
        "postgres-role",
        "'stranger' may not act as it; have an administrator run GRANT trueup_relay",
    ),
    no_row_security: (
        "postgres-role",
        "does not keep organizations apart in store.entities; run `trueup migrate`",
    ),
    no_personal_key: ("personal-key", "acme is kept under keys, .*no operator's key: .*no webhooks starts"),
    other_read_models: ("read-models", "rm_1: are of another version; this one's are wanted.*; start"),
    clock_off: (
        "clock",
        "the clock of this machine is 4[0-9]{2} s ahead of that of Postgres; have all machines keep",
    ),
}
#: Who is looked at, where it is not everybody: who may migrate is not said twice.
AS: dict[Break, list[str]] = {
    role_not_granted: [process for process in PROCESSES if process != "migrate"],
    no_checkpoint_secret: ["notary"],
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
async def test_red_with_the_right_word(servers: Servers, broken: Break) -> None:
    word, says = BROKEN[broken]
    settings, now = await broken(servers)
    report = await examine(AS.get(broken, PROCESSES), now, settings)
    assert set(report.wrong_checks()) == {word}, red(report)
    [line] = red(report)
    assert re.search(says, line), line
    assert "\n" not in line and "guessed" not in line


TICKS = {
    timedelta(0): "ok",
    # The relay's machine was ahead, so that it told of a quarter hour that the broker had not reached.
    timedelta(hours=1): "Kafka is [0-9]+ s behind that of the relay's machine",
    timedelta(hours=-1): "Kafka: as of the relay's tick of .*, its clock was [0-9.]+ s or more ahead of the relay's",
}


@pytest.mark.parametrize("off", TICKS, ids=str)
async def test_the_relays_ticks_tell_of_kafkas_clock(servers: Servers, off: timedelta) -> None:
    prefix = f"ticks{off.total_seconds():.0f}."
    cluster = Cluster(servers.broker.setting_up.bootstrap, prefix=prefix)
    await make_topics(cluster, PARTITIONS, int(LIMIT), {})
    now = datetime.now(UTC) + off
    quarter = datetime.fromtimestamp(now.timestamp() // 900 * 900, UTC)
    tick = seal(ClockTicked(now=quarter), source="clock/x", sequence=1, organization="", time=quarter, actor=RELAY)
    async with BatchWriter(cluster) as writer:
        await writer.append(CATALOG, 0, [Record(None, encode(tick))])
    await servers.broker.allow(list(everything("all", prefix)))
    report = await examine(settings=servers.settings(kafka_topic_prefix=prefix))
    [finding] = [finding for finding in report.findings if finding.check == "clock" and finding.about == "Kafka"]
    if TICKS[off] == "ok":
        assert report.is_green and finding.status is Status.OK, red(report)
    else:
        assert red(report) == [str(finding)] and re.search(TICKS[off], str(finding)), red(report)


async def test_a_certificate_of_kafka_for_another_name(servers: Servers) -> None:
    async with pretender("elsewhere") as address:
        report = await examine(settings=servers.settings(kafka_bootstrap=address))
    [line] = red(report)
    assert line.startswith("wrong     kafka-tls") and "IP address mismatch" in line, line


async def test_a_secret_that_cannot_be_read_is_a_finding_like_any_other(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(servers.settings(), told_endpoints(servers.settings())).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRUEUP_KAFKA_PASSWORD_FILE", "/nowhere/secret")
    [line] = red(await examine())
    assert line.startswith("wrong     settings"), line
    assert "TRUEUP_KAFKA_PASSWORD_FILE names /nowhere/secret, which cannot be read: No such file" in line
