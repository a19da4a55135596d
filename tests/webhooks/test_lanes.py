"""What the runner makes of attempts, whatever they come to: with a sender that does what the address says."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from events.resources.webhooks import Webhook
from services.failures import Passing
from services.postgres import Role, open_postgres
from services.webhooks import claims, lanes
from services.webhooks.claims import AttemptOutcome
from services.webhooks.deliveries import New, add, page_of_deliveries
from services.webhooks.destinations import put_destination
from services.webhooks.kept_secrets import OVERLAP, check_opens_secrets, good_secrets, replace_secret
from services.webhooks.lanes import AT_ONCE, Webhooks
from services.webhooks.rules import WebhookRules
from services.webhooks.sealing import CannotOpenError, Sealer
from services.webhooks.sending import Sender
from services.webhooks.signing import secret_of
from tests.store.kit import Store
from tests.webhooks.receiver import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
SECRET = secret_of(b"s" * 32)


class Scripted(Sender):
    """Sends nothing. `outcomes`: what comes of it, by address; nobody else is answered."""

    def __init__(self, **outcomes: AttemptOutcome | Exception) -> None:
        self.outcomes, self.got = outcomes, list[tuple[str, str]]()

    async def attempt(self, url: str, headers: Mapping[str, str], body: str, whose: str = "") -> AttemptOutcome:
        """What the script says."""
        name = url.removeprefix("https://").removesuffix(".example")
        self.got.append((name, headers["webhook-id"]))
        outcome = self.outcomes.get(name, AttemptOutcome(None, "nobody's"))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def queue(store: Store, name: str, deliveries: int, sealer: Sealer = Sealer(None)) -> str:  # noqa: B008  frozen
    """A destination of this name with so many deliveries, each of a subject of its own."""
    body = Webhook.model_validate({"name": name, "description": "", "url": f"https://{name}.example"})
    async with store.postgres.transaction() as connection:
        await put_destination(connection, store.organization, name, body)
        await replace_secret(connection, store.organization, name, SECRET, sealer, "test", OVERLAP)
        new = [New(f"{name}{number}", None, "t", str(number), "{}") for number in range(deliveries)]
        await add(connection, store.organization, name, new)
    return name


async def standing(store: Store, name: str) -> list[tuple[str, int, str | None]]:
    """Status, attempts and last error of its deliveries, the oldest first."""
    async with store.postgres.connection() as connection:
        found = await page_of_deliveries(connection, store.organization, name, [], 100)
    return [(one.status, one.attempts, one.last_error) for one in reversed(found)]


async def rests(store: Store, name: str) -> bool:
    """Whether nothing is sent to the destination for a while, by any process."""
    query = "SELECT rests_until > now() FROM store.webhook_destinations WHERE organization = $1 AND webhook_id = $2"
    async with store.postgres.connection() as connection:
        return bool(await connection.fetchval(query, store.organization, name))


class Running:
    """A runner for the length of the block. It goes through all that this Postgres has to be sent."""

    def __init__(self, store: Store, sender: Sender, sealer: Sealer = Sealer(None)) -> None:  # noqa: B008  frozen
        self._store, self._sender, self._sealer = store, sender, sealer

    async def __aenter__(self) -> None:
        self._opened = open_postgres(self._store.endpoints.database_url, role=Role.WEBHOOKS)
        postgres = await self._opened.__aenter__()
        self._stop = asyncio.Event()
        runner = Webhooks(postgres, self._sender, WebhookRules(sealer=self._sealer), timedelta(days=30))
        self._task = asyncio.create_task(runner.run(self._stop))

    async def __aexit__(self, *_: Any) -> None:
        self._stop.set()
        await asyncio.wait([self._task], timeout=30)
        await self._opened.__aexit__(None, None, None)
        self._task.result()


async def test_an_attempt_that_breaks_off_is_tried_again_and_delays_nobody(store: Store) -> None:
    await queue(store, "breaks", 1)
    await queue(store, "takes", 3)
    sender = Scripted(breaks=ZeroDivisionError("of a receiver's making"), takes=AttemptOutcome(200, None))

    async def is_over() -> bool:
        breaks, takes = await standing(store, "breaks"), await standing(store, "takes")
        return all(error for *_, error in breaks) and {status for status, *_ in takes} == {"DELIVERED"}

    async with Running(store, sender):
        await until(is_over)
    [(status, attempts, error)] = await standing(store, "breaks")
    assert (status, attempts) == ("PENDING", 1) and error == "the attempt broke off here: ZeroDivisionError"


@pytest.mark.parametrize("lost", [True, False])
async def test_what_cannot_be_signed_waits_and_uses_up_no_attempt(store: Store, lost: bool) -> None:
    sealed = Sealer("the operator's key")
    await queue(store, "sealed", 3, sealed)
    async with store.postgres.connection() as connection:
        if lost:
            await connection.execute("DELETE FROM store.webhook_secrets WHERE organization = $1", store.organization)
        # As if it had come to this for three days: the last attempt is still to come.
        await connection.execute(
            "UPDATE store.webhook_deliveries SET attempts = 12 WHERE organization = $1", store.organization
        )
    sender = Scripted(sealed=AttemptOutcome(204, None))

    async def is_told() -> bool:
        return any(error for *_, error in await standing(store, "sealed"))

    async with Running(store, sender):
        await until(is_told)
    why = "it has no secret: rotate it" if lost else (
        "its secret cannot be opened: rotate it, or have the operator set the key"
    )  # fmt: skip
    assert {(status, attempts) for status, attempts, _ in await standing(store, "sealed")} == {("PENDING", 12)}
    assert {error for *_, error in await standing(store, "sealed")} <= {why, None}
    assert sender.got == []
    assert not await rests(store, "sealed"), "another process may have the key"
    async with store.postgres.transaction() as connection:
        await replace_secret(connection, store.organization, "sealed", secret_of(b"n" * 32), sealed, "test", OVERLAP)
        await connection.execute(
            "UPDATE store.webhook_deliveries SET next_attempt = now() WHERE organization = $1", store.organization
        )

    async def is_over() -> bool:
        return {status for status, *_ in await standing(store, "sealed")} == {"DELIVERED"}

    async with Running(store, sender, sealed):
        await until(is_over)
    assert {attempts for _, attempts, _ in await standing(store, "sealed")} == {13}


async def test_who_has_no_key_leaves_what_is_to_be_sent_to_who_has(store: Store) -> None:
    sealed = Sealer("the operator's key")
    await queue(store, "shared", 12, sealed)
    without, having = Scripted(), Scripted(shared=AttemptOutcome(204, None))

    async def is_told() -> bool:
        return any(error for *_, error in await standing(store, "shared"))

    async def is_sent() -> bool:
        return [status for status, *_ in await standing(store, "shared")].count("DELIVERED") >= 12 - AT_ONCE

    async with Running(store, without):
        await until(is_told)
        async with Running(store, having, sealed):
            await until(is_sent)
    assert without.got == []


async def test_a_moment_without_postgres_breaks_no_attempt_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await queue(store, "blip", 2)
    sender, away = Scripted(blip=AttemptOutcome(204, None)), [Passing("away")] * 2

    async def asked(*arguments: Any) -> list[str]:
        if away:
            raise away.pop()
        return await good_secrets(*arguments)

    async def is_over() -> bool:
        return {(status, attempts) for status, attempts, _ in await standing(store, "blip")} == {("DELIVERED", 1)}

    monkeypatch.setattr(lanes, "good_secrets", asked)
    async with Running(store, sender):
        await until(is_over)
    assert not away


async def test_what_cannot_be_asked_for_long_enough_uses_up_no_attempt(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "gone", 1)

    async def asked(*_: Any) -> list[str]:
        raise Passing("away")

    async def is_told() -> bool:
        return await standing(store, "gone") == [("PENDING", 0, "our database could not be asked what to send")]

    monkeypatch.setattr(lanes, "good_secrets", asked)
    monkeypatch.setattr(lanes, "LEASE_MARGIN", timedelta(seconds=0.2))
    async with Running(store, Scripted()):
        await until(is_told)
    assert not await rests(store, "gone")


async def test_who_was_paused_for_longer_than_a_turn_sends_nothing_that_others_may_have_sent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "late", 1)
    sender, over = Scripted(late=AttemptOutcome(204, None)), ["taken", "expired"]
    expired = "UPDATE store.webhook_deliveries SET next_attempt = now() - interval '1 s' WHERE webhook_id = 'late'"
    taken = "UPDATE store.webhook_deliveries SET claim = 'of another' WHERE webhook_id = 'late'"

    async def asked(*arguments: Any) -> list[str]:
        if over:
            assert sender.got == []
            async with store.postgres.connection() as connection:
                if over.pop() == "taken":
                    await connection.execute(taken)
                await connection.execute(expired)
        return await good_secrets(*arguments)

    async def is_over() -> bool:
        return [status for status, *_ in await standing(store, "late")] == ["DELIVERED"]

    monkeypatch.setattr(lanes, "good_secrets", asked)
    monkeypatch.setattr(claims, "OURS", timedelta(seconds=0.1))
    async with Running(store, sender):
        await until(is_over)
    assert not over and len(sender.got) == 1
    assert [attempts for _, attempts, _ in await standing(store, "late")] == [1]


async def test_a_process_without_the_key_of_secrets_is_told_at_its_start(store: Store) -> None:
    await queue(store, "kept", 1, Sealer("the operator's key"))
    url = store.endpoints.database_url
    async with open_postgres(url, role=Role.WEBHOOKS) as postgres, postgres.connection() as connection:
        with pytest.raises(CannotOpenError, match="TRUEUP_WEBHOOK_KEY_FILE"):
            await check_opens_secrets(connection, Sealer(None))
        await check_opens_secrets(connection, Sealer("the operator's key"))
        await check_opens_secrets(connection, Sealer("the one that takes the place of one that was lost"))
