"""Deliveries: one per event and destination, put into the destination's queue, listed, and sent again.

For one destination and subject, only the oldest delivery is PENDING, with a time for its next attempt; those behind it
are WAITING. So deliveries about one commitment or bill arrive in the order of their events, and no attempt is made
before its turn. When one is given up, so are those behind it that are three days old. The queue's lock serialises
adding to a queue and ending a delivery.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from services.store.listing import SqlCondition, all_placed
from services.webhooks.destinations import lock_organizations_queues, lock_queue, tell
from services.webhooks.pauses import BEHIND_MOST

Status = Literal["WAITING", "PENDING", "DELIVERED", "DEAD"]
#: The event type of POST .../test, which no filter excludes.
TEST = "webhook.test"
_COLUMNS = """
d.organization, d.webhook_id, d.delivery_id, d.number, d.event_id, d.event_type, d.subject, d.status, d.made_at,
d.attempts, d.next_attempt, d.last_attempt, d.last_status, d.last_error, d.ended_at
"""
_OPEN = """
SELECT FROM store.webhook_deliveries o
WHERE o.organization = $1 AND o.webhook_id = $2 AND o.subject = {subject} AND o.status IN ('WAITING', 'PENDING')
"""
#: $3 to $7 in the order of the events; existing deliveries stay unchanged.
_ADD = f"""
INSERT INTO store.webhook_deliveries
    (organization, webhook_id, delivery_id, event_id, event_type, subject, body, status, next_attempt)
SELECT $1, $2, delivery_id, event_id, event_type, subject, body,
    CASE WHEN is_first THEN 'PENDING' ELSE 'WAITING' END, CASE WHEN is_first THEN clock_timestamp() END
FROM (
    SELECT given.*, row_number() OVER (PARTITION BY subject ORDER BY place) = 1
        AND NOT EXISTS ({_OPEN.format(subject="given.subject")}) AS is_first
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        WITH ORDINALITY AS given (delivery_id, event_id, event_type, subject, body, place)
    WHERE NOT EXISTS (
        SELECT FROM store.webhook_deliveries there
        WHERE there.organization = $1 AND there.webhook_id = $2 AND there.delivery_id = given.delivery_id
    )
) AS placed
WHERE EXISTS (SELECT FROM store.webhook_destinations WHERE organization = $1 AND webhook_id = $2) ORDER BY place
"""
#: The oldest waiting delivery of a subject, if nothing is before it any more.
_PROMOTE = f"""
UPDATE store.webhook_deliveries d SET status = 'PENDING', next_attempt = clock_timestamp()
WHERE d.organization = $1 AND d.webhook_id = $2 AND d.delivery_id = (
    SELECT delivery_id FROM store.webhook_deliveries w
    WHERE w.organization = $1 AND w.webhook_id = $2 AND w.subject = $3 AND w.status = 'WAITING' ORDER BY number LIMIT 1
) AND NOT EXISTS ({_OPEN.format(subject="$3")} AND o.status = 'PENDING')
"""
#: Deliveries that wait behind a given-up one, and have been open for longer than $4.
_GIVE_UP = """
UPDATE store.webhook_deliveries SET status = 'DEAD', last_error = $5, ended_at = clock_timestamp()
WHERE organization = $1 AND webhook_id = $2 AND subject = $3 AND status = 'WAITING'
    AND opened_at < clock_timestamp() - $4::interval
RETURNING delivery_id
"""
_WITH_IT = f"given up with the one before it: it had waited for {BEHIND_MOST.days} days"
_PAGE = f"SELECT {_COLUMNS} FROM store.webhook_deliveries d WHERE d.organization = $1 AND d.webhook_id = $2"
_GET = f"SELECT {_COLUMNS}, d.body FROM store.webhook_deliveries d WHERE d.organization = $1 AND d.webhook_id = $2"
_ONE = " AND d.delivery_id = $3"
#: What has ended is to be sent once more: of those of its subject that wait it has the place that it had, behind the
#: one that is being tried.
_AGAIN = """
UPDATE store.webhook_deliveries d SET status = 'WAITING', attempts = 0, next_attempt = NULL, claim = NULL,
    ended_at = NULL, opened_at = clock_timestamp()
WHERE d.organization = $1 AND d.webhook_id = $2 AND d.delivery_id = ANY ($3::text[])
    AND d.status IN ('DELIVERED', 'DEAD') RETURNING d.delivery_id, d.subject
"""
_DEAD = """
SELECT delivery_id FROM store.webhook_deliveries
WHERE organization = $1 AND webhook_id = $2 AND status = 'DEAD' ORDER BY number LIMIT $3
"""
HAS_STATUS = "d.status = {}"


class New(NamedTuple):
    """A delivery to add. `event_id` None: it belongs to no event."""

    id: str
    event_id: str | None
    event_type: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery's state; `body` is the sent body, if it was asked for."""

    id: str
    number: int
    event_id: str | None
    event_type: str
    subject: str
    status: Status
    made: datetime
    attempts: int
    next_attempt: datetime | None
    last_attempt: datetime | None
    last_status: int | None
    last_error: str | None
    ended: datetime | None
    body: str | None = None


async def add(connection: Any, organization: str, webhook: str, deliveries: Sequence[New]) -> None:
    """Put them behind what there is, in this order, if the destination is there still; what is there stays as it is."""
    await lock_organizations_queues(connection, organization)
    await lock_queue(connection, organization, webhook)
    columns = [list(column) for column in zip(*deliveries, strict=True)] or [[]] * len(New._fields)
    await connection.execute(_ADD, organization, webhook, *columns)
    await tell(connection)


async def promote(connection: Any, organization: str, webhook: str, subject: str) -> None:
    """Let the next delivery of a subject be sent, if none is before it. Under the queue's lock."""
    await connection.execute(_PROMOTE, organization, webhook, subject)


async def give_up_behind(connection: Any, organization: str, webhook: str, subject: str) -> int:
    """After a delivery was given up, give up those of the same subject behind it that have reached the age limit.
    Returns how many. Under the queue's lock.
    """
    values = (organization, webhook, subject, BEHIND_MOST, _WITH_IT)
    return len(await connection.fetch(_GIVE_UP, *values))


async def page_of_deliveries(
    connection: Any, organization: str, webhook: str, conditions: Sequence[SqlCondition], most: int
) -> list[Delivery]:
    """The newest that fulfil all conditions, on rows `d`."""
    arguments: list[Any] = [organization, webhook]
    query = _PAGE + all_placed(conditions, arguments) + f" ORDER BY d.number DESC LIMIT {most}"
    return [delivery_of(row) for row in await connection.fetch(query, *arguments)]


async def get_delivery(connection: Any, organization: str, webhook: str, id: str) -> Delivery | None:
    """One delivery with its body."""
    row = await connection.fetchrow(_GET + _ONE, organization, webhook, id)
    return None if row is None else delivery_of(row, row["body"])


async def send_again(connection: Any, organization: str, webhook: str, ids: Sequence[str]) -> int:
    """Put those of them that have ended into the queue once more, as new; returns how many."""
    await lock_organizations_queues(connection, organization)
    await lock_queue(connection, organization, webhook)
    rows = await connection.fetch(_AGAIN, organization, webhook, list(ids))
    for subject in sorted({row["subject"] for row in rows}):
        await promote(connection, organization, webhook, subject)
    await tell(connection)
    return len(rows)


async def dead_deliveries(connection: Any, organization: str, webhook: str, most: int) -> list[str]:
    """The ids of given-up deliveries, oldest first."""
    return [row["delivery_id"] for row in await connection.fetch(_DEAD, organization, webhook, most)]


def delivery_of(row: Any, body: str | None = None) -> Delivery:
    """The delivery in a row."""
    return Delivery(
        id=row["delivery_id"],
        number=row["number"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        subject=row["subject"],
        status=row["status"],
        made=row["made_at"],
        attempts=row["attempts"],
        next_attempt=row["next_attempt"],
        last_attempt=row["last_attempt"],
        last_status=row["last_status"],
        last_error=row["last_error"],
        ended=row["ended_at"],
        body=body,
    )
