"""What the runner makes of attempts, whatever they come to: with a sender that does what the address says."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from events.resources.webhooks import Webhook
from services.postgres import Role, open_postgres
from services.webhooks.claims import Outcome
from services.webhooks.deliveries import New, add, page_of_deliveries
from services.webhooks.destinations import put_destination
from services.webhooks.kept_secrets import OVERLAP, replace_secret
from services.webhooks.lanes import Webhooks
from services.webhooks.rules import WebhookRules
from services.webhooks.sealing import Sealer
from services.webhooks.sending import Sender
from services.webhooks.signing import secret_of
from tests.store.kit import Store
from tests.webhooks.receiver import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
SECRET = secret_of(b"s" * 32)


class Scripted(Sender):
    """Sends nothing. `outcomes`: what comes of it, by address; nobody else is answered."""

    def __init__(self, **outcomes: Outcome | Exception) -> None:
        self.outcomes, self.got = outcomes, list[tuple[str, str]]()

    async def attempt(self, url: str, headers: Mapping[str, str], body: str, whose: str = "") -> Outcome:
        """What the script says."""
        name = url.removeprefix("https://").removesuffix(".example")
        self.got.append((name, headers["webhook-id"]))
        outcome = self.outcomes.get(name, Outcome(None, "nobody's"))
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
    sender = Scripted(breaks=ZeroDivisionError("of a receiver's making"), takes=Outcome(200, None))

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
    sender = Scripted(sealed=Outcome(204, None))

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
    async with store.postgres.transaction() as connection:
        await replace_secret(connection, store.organization, "sealed", secret_of(b"n" * 32), sealed, "test", OVERLAP)
        await connection.execute(
            "UPDATE store.webhook_destinations SET rests_until = now() WHERE organization = $1", store.organization
        )
        await connection.execute(
            "UPDATE store.webhook_deliveries SET next_attempt = now() WHERE organization = $1", store.organization
        )

    async def is_over() -> bool:
        return {status for status, *_ in await standing(store, "sealed")} == {"DELIVERED"}

    async with Running(store, sender, sealed):
        await until(is_over)
    assert {attempts for _, attempts, _ in await standing(store, "sealed")} == {13}
