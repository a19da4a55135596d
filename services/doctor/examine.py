"""All checks of `trueup doctor`, in order. A check that depends on something that is wrong is reported as not tried."""

import asyncio
from collections.abc import Sequence

import asyncpg

from events.topics import CATALOG, TOPICS
from services.doctor.clocks import Now, compare_kafka, compare_postgres, machine_now
from services.doctor.database import SECONDS, examine_hosts, examine_pooler, examine_session
from services.doctor.doors import Doors
from services.doctor.findings import Check, Report
from services.doctor.kafka_needs import KAFKA_ALONE, PROCESSES, WantedTopics, examine_rights, examine_topics
from services.doctor.store import (
    examine_personal_key,
    examine_read_models,
    examine_roles,
    examine_store,
    wanted_of,
    wanted_topics,
)
from services.erasure.operators_key import keyring_of
from services.failures import ExpectedFailure, Passing
from services.kafka import Cluster
from services.kafka.asking import Operation, QueryClient
from services.postgres import connected
from services.run.settings import Settings, SettingsError, load_settings
from services.run.stack import StackError, told_endpoints, told_kafka

CHECKPOINT_SECRET = "TRUEUP_CHECKPOINT_SECRET"
#: The processes that sign with the checkpoint secret; `jobs` includes the audit.
SIGNING = ("notary", "jobs")


async def examine(
    processes: Sequence[str] = PROCESSES, now: Now = machine_now, settings: Settings | None = None
) -> Report:
    """All findings about the servers that the settings name, as far as these processes need them.

    `now`: this machine's clock; `settings`: None stands for those of the environment. Wrong settings and servers that
    are away are findings, not errors.
    """
    report = Report()
    try:
        settings = settings or load_settings()
        url = settings.postgres if KAFKA_ALONE.issuperset(processes) else told_endpoints(settings).database_url
        cluster = told_kafka(settings)
    except SettingsError as error:
        for line in str(error).splitlines():
            report.wrong(Check.SETTINGS, "environment", line, "docs/settings.md has every setting")
        return report
    except StackError as error:
        report.wrong(Check.SETTINGS, "environment", str(error), "docs/servers.md shows how servers are given")
        return report
    _examine_secret(report, settings, processes)
    if url is None:
        report.not_tried(Check.POSTGRES_REACHED, "Postgres", f"{', '.join(processes)} asks nothing of it")
        wanted = wanted_of(settings)
    else:
        wanted = await _examine_postgres(report, url, settings, processes, now)
    await _examine_kafka(report, cluster, wanted, processes, now)
    return report


def _examine_secret(report: Report, settings: Settings, processes: Sequence[str]) -> None:
    """Check the checkpoint secret of processes that sign. Without it no notary starts; an audit runs, but keeps no
    checkpoint that the next audit could start from.
    """
    signing = [process for process in processes if process in SIGNING]
    if not signing:
        return
    if settings.checkpoint_secret is not None:
        report.ok(Check.SETTINGS, CHECKPOINT_SECRET, f"is given ({', '.join(signing)})")
    elif set(processes) == {"notary"}:
        mend = "give it at least 32 bytes (docs/settings.md)"
        report.wrong(Check.SETTINGS, CHECKPOINT_SECRET, "is not given, and no notary starts without it", mend)
    else:
        report.note(Check.SETTINGS, CHECKPOINT_SECRET, "is not given: no notary signs, and audits keep no checkpoint")


async def _examine_postgres(
    report: Report, url: str, settings: Settings, processes: Sequence[str], now: Now
) -> WantedTopics:
    if not await examine_hosts(report, url):
        report.not_tried(Check.STORE, "Postgres", "no host that takes writes lets us in")
        return wanted_of(settings)
    try:
        await examine_session(report, url)
        if settings.pooler is not None:
            await examine_pooler(report, settings.pooler, url)
        async with connected(url) as connection:
            await compare_postgres(report, connection, now)
            is_migrated = await examine_store(report, connection)
            if is_migrated:
                live = await examine_read_models(report, connection)
                await examine_roles(report, connection, processes, live)
                await examine_personal_key(report, url, lambda: keyring_of(settings), processes)
            else:
                for check in (Check.READ_MODELS, Check.POSTGRES_ROLE, Check.POSTGRES_RIGHT, Check.PERSONAL_KEY):
                    report.not_tried(check, "schema store", "it is not of this version")
            return await wanted_topics(connection, settings, is_migrated=is_migrated)
    except asyncpg.InsufficientPrivilegeError as error:
        mend = "run `trueup migrate` as its owner, and grant this user our roles (docs/operation.md)"
        report.wrong(Check.POSTGRES_RIGHT, "schema store", str(error), mend)
        return wanted_of(settings)
    except (ExpectedFailure, Passing) as error:
        report.wrong(Check.POSTGRES_REACHED, "Postgres", str(error), "try again; if it stays so, see its log")
        return wanted_of(settings)


async def _examine_kafka(
    report: Report, cluster: Cluster, wanted: WantedTopics, processes: Sequence[str], now: Now
) -> None:
    doors = Doors(report, cluster, now)
    await doors.try_addresses()
    if not doors.entered:
        report.not_tried(Check.KAFKA_TOPIC, "Kafka", "none of its addresses lets us in")
        return
    if not await doors.try_brokers():
        report.not_tried(Check.KAFKA_TOPIC, "Kafka", "not every broker is reached")
        return
    try:
        async with QueryClient(cluster, SECONDS) as asking:
            metadata = await asking.metadata(topic.name for topic in TOPICS)
            await examine_topics(report, cluster, asking, metadata, wanted)
            await examine_rights(report, cluster, asking, metadata, processes)
        may = metadata.topics[CATALOG].may if CATALOG in metadata.topics else frozenset[Operation]()
        if may is None or Operation.READ in may:
            async with asyncio.timeout(SECONDS):
                await compare_kafka(report, cluster, now)
        else:
            report.not_tried(Check.CLOCK, "Kafka", f"{cluster.topic(CATALOG)}, whose ticks would tell, cannot be read")
    except (ExpectedFailure, Passing) as error:
        report.not_tried(Check.CLOCK, "Kafka", str(error))
    except Exception as error:  # whatever aiokafka raises means that the result is not known
        says = f"broke off: {str(error) or type(error).__name__}"
        report.wrong(Check.KAFKA_REACHED, str(cluster), says, "try again; if it stays so, see the brokers' logs")
