"""From usage to a bill through a broker with TLS, logins and rights, two installations side by side on it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from events.topics import TOPICS
from services.kafka import new_admin
from tests.servers.secured_kafka import SecuredKafka
from tests.servers.users import PARTITIONS, Installation, installed
from tests.system.story import Wire, expected_calls, left_by, play, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(
    secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Installation, Installation]]:
    home = tmp_path_factory.mktemp("two")
    async with installed(secured, home / "one", "one.") as one, installed(secured, home / "other", "other-") as other:
        yield one, other


async def played(installation: Installation, organization: str) -> object:
    wire = Wire(lambda: installation.system.addresses.api_url, organization)

    async def nothing(_: int) -> None: ...

    await play(wire, installation.cluster_of("publisher"), PARTITIONS, nothing)
    await settled(installation.endpoints_of("jobs"))
    left = await left_by(installation.system.endpoints.database_url, wire)
    assert sum(Decimal(row["total"]) for row in left["usage_totals"]) == expected_calls()
    assert left["bills"]
    return left


async def test_two_installations_bill_the_same_story_and_see_nothing_of_each_other(
    two: tuple[Installation, Installation],
) -> None:
    one, other = two
    # The same organization and accounts, so that whatever one took of the other's would count twice.
    assert await played(one, "shop") == await played(other, "shop")
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
