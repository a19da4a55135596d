"""docs/deploy.md from nothing to a first bill, on servers with TLS, logins and rights; two installations at once."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio

from events.topics import TOPICS
from services.access.keys import create_key
from services.access.scopes import ALL
from services.doctor.examine import examine
from services.doctor.findings import Check, Report, Status
from services.doctor.kafka_needs import ROLES
from services.kafka import new_admin
from services.postgres import connected
from services.run.up import SERVICES
from tests.api_client import healthy, http_client
from tests.servers.owned_postgres import OwnedPostgres
from tests.servers.secured_kafka import SecuredKafka
from tests.servers.terminator import terminated
from tests.servers.users import PARTITIONS, Installation, placed
from tests.system.story import Wire, expected_calls, left_by, play, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
ORGANIZATION = "shop"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(
    secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Installation, Installation]]:
    home = tmp_path_factory.mktemp("two")
    postgres = OwnedPostgres(home / "postgres")
    await postgres.start()
    try:
        await postgres.make_owner()
        async with (
            terminated(str(postgres.socket)) as port,
            placed(secured, postgres, port, home / "one", "one.") as one,
            placed(secured, postgres, port, home / "other", "other-") as other,
        ):
            yield one, other
    finally:
        await postgres.stop()


async def examined(installation: Installation, process: str) -> Report:
    return await examine([process], settings=installation.settings_of(process))


def red(report: Report) -> list[str]:
    return [str(finding) for finding in report.findings if finding.status is Status.WRONG]


async def from_nothing_to_a_bill(installation: Installation, doctors: Sequence[str]) -> object:
    """The page's steps. Returns what stands in the read models then."""
    before = await examined(installation, "migrate")
    # Only what the migration is about to make is missing.
    missing = {one.check for one in before.findings if one.status is Status.WRONG}
    assert missing and missing <= {Check.STORE, Check.READ_MODELS, Check.KAFKA_TOPIC}, red(before)
    await installation.migrate()
    for process in doctors:
        assert not red(await examined(installation, process))
    owner = installation.endpoints_of("migrate").database_url
    async with connected(owner) as connection:
        key = await create_key(connection, ORGANIZATION, ALL, "first")
    await installation.system.start()
    wire = Wire(lambda: installation.system.addresses.api_url, ORGANIZATION)
    async with http_client(installation.system.addresses.api_url) as client:
        signed_in = await client.post(
            "/oauth/token", json={"grant_type": "client_credentials"}, auth=httpx.BasicAuth(key.key.id, key.secret)
        )
        assert signed_in.status_code == 200, signed_in.text
        await healthy(client)

    async def nothing(_: int) -> None: ...

    await play(wire, installation.cluster_of("publisher"), PARTITIONS, nothing)
    await settled(installation.endpoints_of("jobs"))
    left = await left_by(owner, wire)
    assert sum(Decimal(row["total"]) for row in left["usage_totals"]) == expected_calls()
    assert left["bills"]
    return left


async def test_two_installations_bill_the_same_story_and_see_nothing_of_each_other(
    two: tuple[Installation, Installation],
) -> None:
    one, other = two
    # The same organization and accounts, so that whatever one took of the other's would count twice.
    assert await from_nothing_to_a_bill(one, SERVICES) == await from_nothing_to_a_bill(other, ())
    admin = new_admin(one.broker.setting_up)
    await admin.start()
    names = set(await admin.list_topics()) - {"__consumer_offsets"}
    groups = {name for name, *_ in await admin.list_consumer_groups()}
    await admin.close()
    assert names == {f"{prefix}{topic.name}" for prefix in ("one.", "other-") for topic in TOPICS}
    workers = ("trueup-ingest", "trueup-projector", "trueup-relay")
    assert groups == {f"{prefix}{name}" for prefix in ("one.", "other-") for name in workers}


@pytest.mark.parametrize("number", [0, 1])
async def test_the_audit_passes_with_the_rights_of_jobs(two: tuple[Installation, Installation], number: int) -> None:
    status, said = await two[number].command("jobs", "audit")
    assert status == 0 and "live == replay" in said, said


@pytest.mark.parametrize("process", [*SERVICES, "jobs"])
async def test_the_doctor_is_green_beside_processes_that_work(
    two: tuple[Installation, Installation], process: str
) -> None:
    report = await examined(two[0], process)
    assert not red(report)
    if ROLES[process]:
        # Nobody has more than the process's own: each entered as a user who may act as nothing else.
        async with connected(two[0].endpoints_of(process).database_url) as connection:
            may = await connection.fetch(
                "SELECT rolname FROM pg_roles WHERE rolname LIKE 'trueup%' AND pg_has_role(oid, 'MEMBER')"
            )
        assert {row["rolname"] for row in may} == set(ROLES[process])
