"""Refused usage in windows: each that reached a rule's threshold is told once, also one that nobody saw pass."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.alerts.windows import LISTED_LATE, WindowAlerts
from services.refusals import held_usage
from tests.store.kit import Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = {"name": "R", "code": "r", "description": "", "eventName": "alert.usage.refused", "windowMinutes": 1}
_REFUSE = """
INSERT INTO store.refused_usage
    (organization, id, account, reason, rule, cut, arrived, refused, partition, log_offset, held_until)
VALUES ($1, $2, 'acme', 'unknown-account', 'account: acme is none', false, $3, $3, 0, 0, $4)
"""
_TOLD = """
SELECT (data->>'since')::timestamptz AS since, (data->>'counted')::int AS counted FROM store.events
WHERE organization = $1 AND type = 'OrganizationAlertRaised' ORDER BY position
"""


async def refuse(store: Store, *moments: datetime, held_until: datetime | None = None) -> None:
    async with store.postgres.connection() as connection:
        for moment in moments:
            await connection.execute(_REFUSE, store.organization, str(uuid4()), moment, held_until)


async def told(store: Store) -> list[tuple[datetime, int]]:
    async with store.postgres.connection() as connection:
        return [tuple(row) for row in await connection.fetch(_TOLD, store.organization)]


def a_process(store: Store) -> WindowAlerts:
    """One that has just begun."""
    return WindowAlerts(store.postgres, lambda: store.generations)


async def test_every_window_that_reached_it_is_told_once_whoever_looks(store: Store) -> None:
    await store.create("notificationConfiguration", threshold=2, **RULE)
    first, second = a_process(store), a_process(store)
    await refuse(store, NOON, NOON + timedelta(seconds=59), NOON + MINUTE)
    assert await first.count_refused(store.organization, NOON + MINUTE) == 1
    assert await second.count_refused(store.organization, NOON + MINUTE) == 0
    # More in the same window, and what was listed late.
    await refuse(store, NOON + MINUTE, NOON + timedelta(seconds=30))
    later = NOON + LISTED_LATE
    assert [await one.count_refused(store.organization, later) for one in (second, first)] == [1, 0]
    assert await told(store) == [(NOON, 2), (NOON + MINUTE, 2)]


async def test_windows_that_passed_while_nobody_ran_are_told_by_the_next_one(store: Store) -> None:
    await store.create("notificationConfiguration", threshold=1, **RULE)
    await refuse(store, NOON, NOON + timedelta(hours=20))
    assert await a_process(store).count_refused(store.organization, NOON + timedelta(hours=30)) == 2
    assert [since for since, _ in await told(store)] == [NOON, NOON + timedelta(hours=20)]


async def test_a_rule_tells_no_history_of_before_it_was_made(store: Store) -> None:
    rule = await store.create("notificationConfiguration", threshold=1, **RULE)
    async with store.postgres.connection() as connection:
        made = await connection.fetchval("SELECT modified FROM store.entities WHERE id = $1", rule)
    await refuse(store, made - timedelta(hours=1), made - MINUTE, made)
    assert await a_process(store).count_refused(store.organization, made + MINUTE) == 2


async def test_what_was_held_counts_when_its_hold_is_over(store: Store) -> None:
    await store.create("notificationConfiguration", threshold=2, **RULE)
    long_ago = datetime.now(UTC) - timedelta(days=29)
    await refuse(store, long_ago, long_ago, held_until=NOON)
    process = a_process(store)
    assert await process.count_refused(store.organization, datetime.now(UTC)) == 0
    async with store.postgres.transaction() as connection:
        assert await held_usage.expire(connection, store.organization, NOON) == 2
    assert await process.count_refused(store.organization, datetime.now(UTC) + timedelta(seconds=1)) == 1
