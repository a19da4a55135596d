"""Held usage goes back into `usage`, whole and in order, wherever the API's process is killed while it sends it."""

import json
from typing import Any

import pytest

from events.topics import HELD_HEADER, REASON_HEADER, USAGE, USAGE_REJECTED, partition_of
from services.kafka import BatchWriter, Cluster, LogReader
from services.refusals.keeper import RefusalKeeper
from services.refusals.refusal import Reason
from tests.killing import forks
from tests.refusals.released_once import release_once
from tests.store.kit import Store
from tests.usage_events import usage_event, usage_record

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
#: Where it is decided what there is afterwards: records are sent, and then are held no more.
DECISIVE = "services/refusals/replaying.py:replay_refused"
EVERYWHERE = ("services/refusals/releasing.py", "services/refusals/replaying.py")
#: For longer than any test.
UNTIL = 4_000_000_000_000
_LISTED = "SELECT usage_id, replayed FROM store.refused_usage WHERE organization = $1 ORDER BY position"


class Waiting:
    """Usage of an account that is there by now, which was held before."""

    def __init__(self, store: Store) -> None:
        self.store, self.cluster, self.made = store, Cluster(store.endpoints.kafka.bootstrap), list[str]()
        self.partition = partition_of(store.organization, "late", store.generations.partitions)
        self.keeper = RefusalKeeper(store.postgres, self.cluster, store.generations.partitions)

    async def come(self) -> None:
        """One record more was held, as ingest holds it, and is listed."""
        self.made.append(f"e-{len(self.made)}")
        event = usage_event(self.store.organization, "late", self.made[-1], "2026-01-01T00:00:00Z")
        headers = [(REASON_HEADER, Reason.UNKNOWN_ACCOUNT.encode()), (HELD_HEADER, b"%d" % UNTIL)]
        async with BatchWriter(self.cluster) as writer:
            await writer.append(USAGE_REJECTED, self.partition, [usage_record(event, *headers)])
        await self.keeper.catch_up()

    async def sent(self, since: int) -> list[str]:
        """The ids that stand in `usage`, in its order."""
        found = list[dict[str, Any]]()
        async with LogReader(self.cluster) as reader:
            [end] = (await reader.end_offsets(USAGE, [self.partition])).values()
            async for records in reader.read(USAGE, self.partition, since, end):
                found += [json.loads(record.value or b"{}") for record in records]
        return [event["id"] for event in found if event.get("organization") == self.store.organization]

    async def left(self) -> list[str]:
        """The ids that are still to be sent, as the list says."""
        async with self.store.postgres.connection() as connection:
            rows = await connection.fetch(_LISTED, self.store.organization)
        return [row["usage_id"] for row in rows if row["replayed"] is None]


async def sent_wherever_it_is_killed(store: Store, *places: str) -> int:
    """Returns at how many moments that was."""
    await store.create("account", code="late", name="Late", emailAddress="late@example.com")
    waiting = Waiting(store)
    async with LogReader(waiting.cluster) as reader:
        [since] = (await reader.end_offsets(USAGE, [waiting.partition])).values()
    servers = (store.endpoints.database_url, waiting.cluster.bootstrap)
    moment, was_killed = 0, True
    async with forks(release_once, *servers, store.organization, places=places) as run:
        while was_killed:
            moment += 1
            await waiting.come()
            was_killed = await run(moment) is None
            sent, left = await waiting.sent(since), await waiting.left()
            assert {*waiting.made} - {*left} <= {*sent}, "what is held no more was sent"
    assert left == []
    assert list(dict.fromkeys(sent)) == waiting.made, "each, in its order"
    return moment


async def test_none_is_lost_where_it_is_decided(store: Store) -> None:
    assert await sent_wherever_it_is_killed(store, DECISIVE) > 20


@pytest.mark.long
async def test_none_is_lost_at_any_line(store: Store) -> None:
    assert await sent_wherever_it_is_killed(store, *EVERYWHERE) > 60
