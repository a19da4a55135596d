"""Destinations as the sending process knows them, written by the commands that change webhooks, in their transactions;
and the notification of processes that wait for work.
"""

from dataclasses import dataclass
from typing import Any

from events.resources.webhooks import Webhook

#: Channel for changes of destinations and new deliveries.
CHANNEL = "store_webhooks"
#: Most destinations of an organization: each may receive every event, and each has a queue.
DESTINATIONS_MAX = 50
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('webhook ' || $1 || ' ' || $2, 0))"
_LOCK_ALL = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1, 0))"
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', '')"
#: A destination is sent what happens after it was first known here, or was switched on last. What its receiver asked
#: for before it was changed is over.
_PUT = """
INSERT INTO store.webhook_destinations AS held (organization, webhook_id, url, active, event_types, since)
VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(position), 0) FROM store.events WHERE organization = $1))
ON CONFLICT (organization, webhook_id)
DO UPDATE SET url = EXCLUDED.url, active = EXCLUDED.active, event_types = EXCLUDED.event_types,
    since = CASE WHEN EXCLUDED.active AND NOT held.active THEN EXCLUDED.since ELSE held.since END,
    rests_until = DEFAULT
"""
_END_REST = """
UPDATE store.webhook_destinations SET rests_until = DEFAULT WHERE organization = $1 AND webhook_id = $2
"""
_COUNT = "SELECT count(*) FROM store.webhook_destinations WHERE organization = $1"
_DROP = tuple(
    f"DELETE FROM store.{table} WHERE organization = $1 AND webhook_id = $2"
    for table in ("webhook_deliveries", "webhook_secrets", "webhook_destinations")
)
_OF = """
SELECT webhook_id, event_types, since FROM store.webhook_destinations
WHERE organization = $1 AND active ORDER BY webhook_id
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """An active destination. `since`: events behind this position are sent."""

    id: str
    event_types: tuple[str, ...] | None
    since: int


async def lock_queue(connection: Any, organization: str, webhook: str) -> None:
    """Until the end of the transaction nobody else adds to the destination's queue, or ends what is in it.

    It is taken before the destination's row is written: who has the row and waits for the queue, and who has the queue
    and waits for the row, would wait for each other.
    """
    await connection.execute(_LOCK, organization, webhook)


async def lock_organizations_queues(connection: Any, organization: str) -> None:
    """Taken first by whoever locks queues of several destinations of an organization in one transaction, as commands
    do that share one: such go one after the other, whatever their order of queues."""
    await connection.execute(_LOCK_ALL, organization)


async def put_destination(connection: Any, organization: str, id: str, body: Webhook) -> None:
    """From this transaction's commit on it is so, and nothing is waited for that its receiver has asked for before."""
    await lock_organizations_queues(connection, organization)
    await lock_queue(connection, organization, id)
    event_types = None if body.event_types is None else list(body.event_types)
    await connection.execute(_PUT, organization, id, body.url, body.is_active, event_types)
    await tell(connection)


async def end_rest(connection: Any, organization: str, id: str) -> None:
    """Whatever its receiver has asked for, it is sent something now."""
    await lock_organizations_queues(connection, organization)
    await lock_queue(connection, organization, id)
    await connection.execute(_END_REST, organization, id)


async def drop_destination(connection: Any, organization: str, id: str) -> None:
    """Nothing more is sent there, and nothing is known of it."""
    await lock_organizations_queues(connection, organization)
    await lock_queue(connection, organization, id)
    for statement in _DROP:
        await connection.execute(statement, organization, id)
    await tell(connection)


async def count_destinations(connection: Any, organization: str) -> int:
    """The number of the organization's destinations."""
    return int(await connection.fetchval(_COUNT, organization))


async def active_destinations(connection: Any, organization: str) -> list[Destination]:
    """The destinations to which deliveries may be sent."""
    return [
        Destination(row["webhook_id"], None if row["event_types"] is None else tuple(row["event_types"]), row["since"])
        for row in await connection.fetch(_OF, organization)
    ]


async def tell(connection: Any) -> None:
    """Notify processes that wait for work; they look after the commit."""
    await connection.execute(_NOTIFY)
