"""Claims: a process claims deliveries for one attempt each, for a limited time; a claim without a result by then
expires. So a killed process costs a moment and no attempt, and several processes share the work.

Only the holder of a claim writes the attempt's result. A receiver may get the same delivery twice, under the same id,
but an undelivered one is never noted as delivered.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import structlog

from services.postgres import Connection, Postgres
from services.webhooks.deliveries import give_up_behind, promote
from services.webhooks.destinations import lock_queue
from services.webhooks.pauses import OURS, REST_MAX, pause_after

log = structlog.get_logger(__name__)

#: Deliveries that are deleted, or given up for their age, in one transaction.
FORGOTTEN = 5_000
#: The delivery that comes first behind a moment of a destination `w`, in the order of the index of destinations: one
#: look into it for each, however many deliveries are open. It may be another destination's, which says that `w` has
#: none: were it asked for one of `w` alone, Postgres might go through what is due of all to find it.
_FIRST = """
SELECT d.organization, d.webhook_id, d.next_attempt FROM store.webhook_deliveries d
WHERE d.status = 'PENDING' AND (d.organization, d.webhook_id, d.next_attempt) > (w.organization, w.webhook_id, {behind})
ORDER BY d.organization, d.webhook_id, d.next_attempt LIMIT 1
"""
_ITS_OWN = "(first.organization, first.webhook_id) = (w.organization, w.webhook_id)"
#: Destinations that have something to be sent now.
_DUE = f"""
SELECT w.organization, w.webhook_id FROM store.webhook_destinations w
CROSS JOIN LATERAL ({_FIRST.format(behind="'-infinity'")}) AS first
WHERE {_ITS_OWN} AND w.active AND w.rests_until <= now() AND first.next_attempt <= now()
"""
#: Seconds until something else is: of who rests, that may be due already.
_NEXT = f"""
SELECT extract(epoch FROM min(greatest(first.next_attempt, w.rests_until)) - now())::float8
FROM store.webhook_destinations w
CROSS JOIN LATERAL ({_FIRST.format(behind="CASE WHEN w.rests_until > now() THEN '-infinity' ELSE now() END")}) AS first
WHERE {_ITS_OWN} AND w.active
"""
_CLAIM = """
WITH taken AS MATERIALIZED (
    SELECT p.delivery_id, w.url FROM store.webhook_deliveries p
    JOIN store.webhook_destinations w USING (organization, webhook_id)
    WHERE p.organization = $1 AND p.webhook_id = $2 AND p.status = 'PENDING' AND p.next_attempt <= now()
        AND w.active AND w.rests_until <= now()
    ORDER BY p.next_attempt, p.number LIMIT $3 FOR UPDATE OF p SKIP LOCKED
)
UPDATE store.webhook_deliveries d SET
    claim = $4, next_attempt = clock_timestamp() + $5, last_attempt = clock_timestamp()
FROM taken WHERE d.organization = $1 AND d.webhook_id = $2 AND d.delivery_id = taken.delivery_id
RETURNING d.delivery_id, d.subject, d.attempts, d.body, d.made_at, taken.url
"""
_END = """
UPDATE store.webhook_deliveries SET status = $5, last_status = $6, last_error = $7, claim = NULL,
    next_attempt = clock_timestamp() + $8::interval, attempts = attempts + $9,
    ended_at = CASE WHEN $5 = 'PENDING' THEN NULL ELSE clock_timestamp() END
WHERE organization = $1 AND webhook_id = $2 AND delivery_id = $3 AND claim = $4 AND status = 'PENDING'
RETURNING delivery_id
"""
_HELD = """
SELECT EXISTS (
    SELECT FROM store.webhook_deliveries WHERE organization = $1 AND webhook_id = $2 AND delivery_id = $3 AND claim = $4
        AND status = 'PENDING' AND next_attempt > clock_timestamp() + $5::interval
)
"""
_REST = """
UPDATE store.webhook_destinations SET rests_until = greatest(rests_until, clock_timestamp() + $3)
WHERE organization = $1 AND webhook_id = $2
"""
#: Queues with a delivery that has been open for longer than $1.
_OLD = """
SELECT DISTINCT organization, webhook_id FROM store.webhook_deliveries
WHERE status IN ('WAITING', 'PENDING') AND opened_at < now() - $1::interval
"""
#: Some of these deliveries in one queue that nobody has claimed.
_GIVE_UP = f"""
UPDATE store.webhook_deliveries SET status = 'DEAD', next_attempt = NULL, claim = NULL, ended_at = clock_timestamp(),
    last_error = concat_ws('; ', $4::text, last_error)
WHERE organization = $1 AND webhook_id = $2 AND delivery_id IN (
    SELECT delivery_id FROM store.webhook_deliveries
    WHERE organization = $1 AND webhook_id = $2 AND status IN ('WAITING', 'PENDING')
        AND opened_at < now() - $3::interval AND (claim IS NULL OR next_attempt <= now())
    ORDER BY number LIMIT {FORGOTTEN}
) RETURNING subject
"""
_FORGET = f"""
DELETE FROM store.webhook_deliveries WHERE (organization, webhook_id, delivery_id) IN (
    SELECT organization, webhook_id, delivery_id FROM store.webhook_deliveries
    WHERE ended_at < now() - $1::interval ORDER BY ended_at LIMIT {FORGOTTEN} FOR UPDATE SKIP LOCKED
)
"""
_COUNTS = """
SELECT status, count(*) AS count FROM store.webhook_deliveries WHERE status IN ('WAITING', 'PENDING') GROUP BY status
"""

#: Organization and id of a destination.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process has claimed for one attempt, the `attempt`-th."""

    key: Key
    token: str
    id: str
    subject: str
    attempt: int
    url: str
    body: str
    #: Since when it is to be sent, in seconds since 1970.
    since: float


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """The result of an attempt: the receiver's status code, if it answered, and the reason if it is not delivered.

    `is_final`: the receiver refuses it for good; `retry_after`: the receiver asks for a pause. `is_ours`: it was not
    sent, for a fault or overload on our side; it counts as no attempt.
    """

    status: int | None
    error: str | None
    is_final: bool = False
    retry_after: timedelta | None = None
    is_ours: bool = False


def _after(claim: Claim, outcome: AttemptOutcome) -> tuple[str, timedelta | None]:
    """The delivery's status after an attempt, and the pause until the next, if there is one."""
    if outcome.error is None:
        return "DELIVERED", None
    if outcome.is_ours:
        return "PENDING", OURS
    pause = None if outcome.is_final else pause_after(claim.attempt, claim.id, outcome.retry_after)
    return ("DEAD" if pause is None else "PENDING"), pause


async def is_held(connection: Connection, claim: Claim, attempt: timedelta) -> bool:
    """Whether the claim stays ours for the length of an attempt; otherwise another process may send its delivery, and
    those behind it, before the attempt has ended.
    """
    return bool(await connection.fetchval(_HELD, *claim.key, claim.id, claim.token, attempt))


class Claims:
    """Claims deliveries for at most `lease`, and stores their results."""

    def __init__(self, postgres: Postgres, lease: timedelta) -> None:
        self._postgres, self._lease = postgres, lease

    async def due(self) -> list[Key]:
        """Destinations with a delivery to send now. Raises: temporary failures, like all methods here."""
        async with self._postgres.connection() as connection:
            return [(row["organization"], row["webhook_id"]) for row in await connection.fetch(_DUE)]

    async def next_in(self) -> float | None:
        """Seconds until the next delivery is to be sent; None: there is none."""
        async with self._postgres.connection() as connection:
            seconds: float | None = await connection.fetchval(_NEXT)
            return seconds

    async def take(self, key: Key, most: int) -> list[Claim]:
        """Claim deliveries to a destination, at most `most`, longest due first."""
        token = str(uuid4())
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_CLAIM, *key, most, token, self._lease)
        return [
            Claim(
                key, token, row["delivery_id"], row["subject"], row["attempts"] + 1, row["url"], row["body"],
                row["made_at"].timestamp(),
            )
            for row in rows
        ]  # fmt: skip

    async def end(self, claim: Claim, outcome: AttemptOutcome) -> str | None:
        """Say what the attempt came to; returns the status of the delivery then. None: the claim was lost meanwhile,
        and nothing is said of what is another's by now."""
        status, pause = _after(claim, outcome)
        async with self._postgres.transaction() as connection:
            await lock_queue(connection, *claim.key)
            values = (claim.id, claim.token, status, outcome.status, outcome.error, pause, int(not outcome.is_ours))
            ended = await connection.fetchval(_END, *claim.key, *values)
            if ended is None:
                return None
            behind = 0
            if status == "DEAD":
                behind = await give_up_behind(connection, *claim.key, claim.subject)
            if status != "PENDING":
                await promote(connection, *claim.key, claim.subject)
            if outcome.retry_after:
                await connection.execute(_REST, *claim.key, min(outcome.retry_after, REST_MAX))
        if behind:
            about = {"organization": claim.key[0], "webhook": claim.key[1], "subject": claim.subject}
            log.warning("webhooks_given_up", deliveries=behind, why="they waited behind one that was", **about)
        return status

    async def give_up(self, older: timedelta) -> bool:
        """Give up some deliveries that have been open too long: their destination is off, or a fault on our side was
        never fixed. Deliveries behind them go on. Returns whether there may be more.
        """
        async with self._postgres.connection() as connection:
            keys = [(row["organization"], row["webhook_id"]) for row in await connection.fetch(_OLD, older)]
        why, is_more = f"given up: it has been open for {older.days} days", False
        for key in keys:
            async with self._postgres.transaction() as connection:
                await lock_queue(connection, *key)
                rows = await connection.fetch(_GIVE_UP, *key, older, why)
                for subject in sorted({row["subject"] for row in rows}):
                    await promote(connection, *key, subject)
            if rows:
                log.warning("webhooks_given_up", organization=key[0], webhook=key[1], deliveries=len(rows), why=why)
            is_more = is_more or len(rows) == FORGOTTEN
        return is_more

    async def forget(self, older: timedelta) -> bool:
        """Delete some deliveries that ended long ago; returns whether there may be more."""
        async with self._postgres.connection() as connection:
            return await connection.execute(_FORGET, older) == f"DELETE {FORGOTTEN}"

    async def counts(self) -> dict[str, int]:
        """The number of open deliveries, by status."""
        async with self._postgres.connection() as connection:
            return {row["status"]: row["count"] for row in await connection.fetch(_COUNTS)}
