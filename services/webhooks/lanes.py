"""The sender of webhooks: notified by Postgres, and looking again when a retry is due.

Each destination has its own lane, which takes a few deliveries at a time, so a destination that never answers delays
only itself. Lanes claim deliveries in Postgres (`claims.py`): several processes share the work, and claims of a killed
process soon expire.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from services.concurrency import cancel_all, first_of
from services.failures import Passing
from services.outage import Outage
from services.personal.keyring import NoPersonalKeyError, WrongPersonalKeyError
from services.personal.opening import opened_documents
from services.postgres import Postgres, Role
from services.postgres.ringing import ring_when_told
from services.sight.metrics import ATTEMPT, DELIVERED_AFTER, OPEN, SENDING
from services.sight.pulse import PULSE
from services.webhooks.claims import AttemptOutcome, Claim, Claims, Key, is_held
from services.webhooks.destinations import CHANNEL
from services.webhooks.kept_secrets import good_secrets
from services.webhooks.pauses import OPEN_MOST, OURS
from services.webhooks.rules import WebhookRules
from services.webhooks.sealing import CannotOpenError
from services.webhooks.sending import Sender
from services.webhooks.signing import headers_of

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Attempts at once to one destination, to one whose last attempt failed, and of the whole process.
AT_ONCE, AT_ONCE_FAILING, AT_ONCE_IN_ALL = 4, 1, 1_000
#: A notification may be lost with its connection; looking this often bounds the delay.
LOOK_SECONDS = 30.0
#: Notifications within this time cause one look.
GATHER_SECONDS = 0.02
#: How long running attempts may take when the process is asked to end.
GRACE_SECONDS = 3.0
#: A claim lasts this much longer than its attempt, so that the result is stored in time.
LEASE_MARGIN = timedelta(seconds=5)
#: How often old deliveries are given up or deleted, and open ones counted.
FORGET_SECONDS, COUNT_SECONDS = 3_600.0, 10.0


class _Lane:
    """The running work for one destination."""

    def __init__(self) -> None:
        self.poked = asyncio.Event()
        self.width = AT_ONCE


class Webhooks:
    """`run` until cancelled; several processes may. `kept`: how long ended deliveries are listed."""

    def __init__(self, postgres: Postgres, sender: Sender, rules: WebhookRules, kept: timedelta) -> None:
        self._postgres, self._sender, self._rules, self._kept = postgres, sender, rules, kept
        self._claims = Claims(postgres, timedelta(seconds=rules.reach.seconds) + LEASE_MARGIN)
        self._lanes: dict[Key, _Lane] = {}
        #: Destinations that this process cannot sign for, and until when it leaves them alone: another one may.
        self._unsigned: dict[Key, float] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._woken, self._running = asyncio.Event(), 0
        self._forgotten, self._counted = -math.inf, -math.inf
        self._failed: BaseException | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; running attempts are finished first. Raises: temporary failures, which the caller
        retries, and bugs.
        """
        ringing = asyncio.create_task(ring_when_told(self._postgres.url, Role.WEBHOOKS, {CHANNEL: self._woken}))
        try:
            while not stop.is_set() and self._failed is None:
                self._woken.clear()
                if ringing.done():
                    ringing.result()
                await _waited_out(LEASE_MARGIN, self._look)
                PULSE.went_round()
                await first_of(await _waited_out(LEASE_MARGIN, self._pause), self._woken, stop, futures=[ringing])
                await first_of(GATHER_SECONDS, stop)
            await self._finish()
        finally:
            await cancel_all((ringing, *self._tasks))
        if self._failed is not None:
            raise self._failed

    async def _finish(self) -> None:
        """Give running attempts a moment to finish: a delivery answered by then need not be sent again."""
        for lane in self._lanes.values():
            lane.width = 0
            lane.poked.set()
        if self._tasks and self._failed is None:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)

    async def _look(self) -> None:
        if time.monotonic() - self._forgotten > FORGET_SECONDS:
            more = any([await self._claims.give_up(OPEN_MOST), await self._claims.forget(self._kept)])
            self._forgotten = -math.inf if more else time.monotonic()
        due = await self._claims.due()
        now = time.monotonic()
        self._unsigned = {key: until for key, until in self._unsigned.items() if until > now}
        for key in due:
            if (lane := self._lanes.get(key)) is not None:
                lane.poked.set()
            elif self._running < AT_ONCE_IN_ALL and key not in self._unsigned:
                lane = self._lanes[key] = _Lane()
                task = asyncio.create_task(self._serve(key, lane))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
        if time.monotonic() - self._counted < COUNT_SECONDS:
            return
        self._counted = time.monotonic()
        counts = await self._claims.counts()
        for status in ("PENDING", "WAITING"):
            OPEN.labels(status.lower()).set(counts.get(status, 0))

    async def _pause(self) -> float:
        seconds = await self._claims.next_in()
        again = min(self._unsigned.values(), default=math.inf) - time.monotonic()
        return min(max(min(again, math.inf if seconds is None else seconds), GATHER_SECONDS), LOOK_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed = error
        self._woken.set()

    async def _serve(self, key: Key, lane: _Lane) -> None:
        """Send the destination's due deliveries, until there are none."""
        attempts = set[asyncio.Task[None]]()
        try:
            while True:
                lane.poked.clear()
                room = min(lane.width - len(attempts), AT_ONCE_IN_ALL - self._running)
                may_take = room > 0 and key not in self._unsigned
                take = partial(self._claims.take, key, room)
                for claim in await _waited_out(LEASE_MARGIN, take) if may_take else ():
                    attempts.add(asyncio.create_task(self._attempt(claim, lane)))
                if not attempts:
                    return
                await first_of(LOOK_SECONDS, lane.poked, futures=_any_of(attempts))
                for done in [attempt for attempt in attempts if attempt.done()]:
                    attempts.discard(done)
                    done.result()
        finally:
            del self._lanes[key]
            await cancel_all(attempts)

    async def _attempt(self, claim: Claim, lane: _Lane) -> None:
        started = time.monotonic()
        self._running += 1
        SENDING.inc()
        try:
            outcome = await self._send(claim)
        finally:
            self._running -= 1
            SENDING.dec()
        if lane.width:
            lane.width = AT_ONCE if outcome.error is None else AT_ONCE_FAILING
        became = await self._say(claim, outcome)
        about = {"organization": claim.key[0], "webhook": claim.key[1], "delivery": claim.id}
        if became is None:
            log.warning("webhook_claim_lost", attempts=claim.attempt, why=outcome.error, **about)
            return
        ATTEMPT.labels(became.lower()).observe(time.monotonic() - started)
        if outcome.error is None:
            DELIVERED_AFTER.observe(max(0.0, time.time() - claim.since))
            log.debug("webhook_delivered", attempts=claim.attempt, **about)
        elif became == "DEAD":
            log.warning("webhook_given_up", attempts=claim.attempt, why=outcome.error, **about)
        else:
            log.info("webhook_not_delivered", attempts=claim.attempt, why=outcome.error, **about)

    async def _send(self, claim: Claim) -> AttemptOutcome:
        try:
            opening = partial(self._opened, claim)
            secrets, body, in_time = await _waited_out(LEASE_MARGIN / 2, opening, delivery=claim.id)
        except CannotOpenError as error:
            log.error("webhook_secret_not_opened", error=str(error), webhook=claim.key[1])
            return self._not_signed(claim, "its secret cannot be opened: rotate it, or have the operator set the key")
        except (NoPersonalKeyError, WrongPersonalKeyError) as error:
            log.error("webhook_not_opened", error=str(error), webhook=claim.key[1])
            return AttemptOutcome(
                None, "what is personal in it cannot be opened: have the operator set the key", is_ours=True
            )
        except Passing:
            return AttemptOutcome(None, "our database could not be asked what to send", is_ours=True)
        if not secrets:
            return self._not_signed(claim, "it has no secret: rotate it")
        # This process may have been paused since it claimed, and another one have sent this and what is behind it.
        if not in_time:
            return AttemptOutcome(None, "its turn was over before it was sent", is_ours=True)
        return await self._sent(claim, secrets, body)

    async def _sent(self, claim: Claim, secrets: list[str], body: str) -> AttemptOutcome:
        try:
            headers = headers_of(claim.id, datetime.now(UTC), body, secrets)
            return await self._sender.attempt(claim.url, headers, body, claim.key[0])
        except Exception as error:  # any failure through the receiver ends only this attempt
            log.exception("webhook_attempt_broke", webhook=claim.key[1], delivery=claim.id)
            return AttemptOutcome(None, f"the attempt broke off here: {type(error).__name__}")

    async def _opened(self, claim: Claim) -> tuple[list[str], str, bool]:
        """The secrets of the claim's destination, its body, and whether there is time for an attempt after all that."""
        async with self._postgres.connection() as connection:
            secrets = await good_secrets(connection, *claim.key, self._rules.sealer)
            [body] = await opened_documents(connection, claim.key[0], self._rules.keyring, [claim.body])
            return secrets, body, await is_held(connection, claim, timedelta(seconds=self._rules.reach.seconds))

    def _not_signed(self, claim: Claim, why: str) -> AttemptOutcome:
        """Nothing can be signed here for the destination, so what else it is to be sent is left to others meanwhile."""
        self._unsigned[claim.key] = time.monotonic() + OURS.total_seconds()
        return AttemptOutcome(None, why, is_ours=True)

    async def _say(self, claim: Claim, outcome: AttemptOutcome) -> str | None:
        """What it came to, as long as the claim may be ours; None: it was no longer. Raises: what passes."""
        return await _waited_out(LEASE_MARGIN, partial(self._claims.end, claim, outcome), delivery=claim.id)


async def _waited_out(within: timedelta, work: Callable[[], Awaitable[T]], **about: Any) -> T:
    """What the work returns. While Postgres is away it is done again, so that a moment's absence breaks no attempt off;
    raises what passes after so long."""
    outage = Outage("webhooks_wait_for_postgres", **about)
    until = time.monotonic() + within.total_seconds()
    while True:
        try:
            result = await work()
        except Passing as error:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(outage.met(error))
        else:
            outage.over()
            return result


def _any_of(attempts: set[asyncio.Task[None]]) -> list["asyncio.Future[None]"]:
    return list(attempts)
