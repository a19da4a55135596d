"""Who follows the event store takes up where it has looked to, and never goes back."""

from typing import Literal

import pytest

from services.store.following import Following, moved
from tests.store.kit import Store

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("table", ["alert_positions", "webhook_positions"])
async def test_a_follower_reads_on_from_where_it_has_looked(
    store: Store, table: Literal["alert_positions", "webhook_positions"]
) -> None:
    following, organization = Following(table, "position, type"), store.organization
    accounts = [await store.account() for _ in range(3)]
    async with store.postgres.connection() as connection:
        assert await following.position(connection, organization) is None
        rows, is_full = await following.next(connection, organization, ["AccountCreated"], 0, 10**6)
        positions = [row["position"] for row in rows]
        assert len(positions) == len(accounts) and positions == sorted(positions)
        assert {row["type"] for row in rows} == {"AccountCreated"} and not is_full
        between, _ = await following.next(
            connection, organization, ["AccountCreated"], positions[0], 10**6, positions[1]
        )
        assert [row["position"] for row in between] == positions[1:2]
        # The first is read whatever its size, and there are more.
        first, is_full = await following.next(connection, organization, ["AccountCreated"], 0, 1)
        assert [row["position"] for row in first] == positions[:1] and is_full
        for reached in (positions[1], positions[0]):
            await following.move(connection, organization, reached)
            assert await following.position(connection, organization) == positions[1]


async def test_who_has_moved_is_told_with_whether_it_is_asked_about(store: Store) -> None:
    await store.account()
    async with store.postgres.connection() as connection:
        for types, expected in ((["AccountCreated"], True), (["PlanCreated"], False), ([], False)):
            ours = [each for each in await moved(connection, 0, types) if each.organization == store.organization]
            assert [each.has_any_of for each in ours] == [expected]
        assert store.organization not in {each.organization for each in await moved(connection, ours[0].position)}
