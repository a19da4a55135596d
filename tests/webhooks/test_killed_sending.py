"""What is to be sent is sent at least once and in its order, wherever the process that sends it is killed."""

import pytest

from events.resources.webhooks import Webhook
from services.webhooks.deliveries import New, add, page_of_deliveries
from services.webhooks.destinations import put_destination
from services.webhooks.keeping import OVERLAP, replace_secret
from services.webhooks.sealing import Sealer
from services.webhooks.signing import secret_of
from tests.killing import forks
from tests.store.kit import Store
from tests.webhooks.receiver import Receiver

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
CLAIMS, RUNNING = "services/webhooks/claims.py", "services/webhooks/running.py"
#: Where it is decided what becomes of a delivery: it is claimed, and what came of it is said.
DECISIVE = (f"{CLAIMS}:take,end",)
EVERYWHERE = (CLAIMS, RUNNING, "services/webhooks/deliveries.py", "services/webhooks/sending.py")
#: The claims of who was killed are over, and so is the time that a receiver has asked for.
_LATER = "UPDATE store.webhook_deliveries SET next_attempt = now() WHERE organization = $1 AND claim IS NOT NULL"
_RESTED = "UPDATE store.webhook_destinations SET rests_until = now() WHERE organization = $1"
PATHS = ("ok", "gone", "busy")


async def sent_wherever_it_is_killed(
    store: Store, receiver: Receiver, *places: str, step: int = 1
) -> tuple[int, set[str]]:
    """Before each kill three receivers are to be sent something: one takes it, one wants no more, one asks for time.

    Returns the moments, and what a kill left: deliveries that were taken and were not yet known to be, or untouched.
    """
    receiver.answers("/gone", 410)
    receiver.answers("/busy", 503, Retry_After="86400")
    for path in PATHS:
        body = Webhook.model_validate({"name": path, "description": "", "url": f"{receiver.url}/{path}"})
        async with store.postgres.transaction() as connection:
            await put_destination(connection, store.organization, path, body)
            await replace_secret(
                connection, store.organization, path, secret_of(b"k" * 32), Sealer(None), "test", OVERLAP
            )
    made, left, moment, was_killed = list[str](), set[str](), 1 - step, True
    script, url = "tests/webhooks/sent_once.py", store.endpoints.database_url
    async with forks(script, store.organization, places=places, TRUEUP_DATABASE_URL=url) as run:
        while was_killed:
            moment += step
            made.append(f"{moment:04}")
            async with store.postgres.transaction() as connection:
                for path in PATHS:
                    new = New(f"{path}{made[-1]}", None, "t", made[-1] if path == "busy" else "all", "{}")
                    await add(connection, store.organization, path, [new])
                await connection.execute(_LATER, store.organization)
                await connection.execute(_RESTED, store.organization)
            was_killed = await run(moment)
            left |= await left_behind(store, receiver)
    assert not left - {"taken and not known", "claimed and not sent", "whole"}, "nothing is delivered that was not sent"
    found = {path: await standing(store, path) for path in PATHS}
    assert set(found["ok"].values()) == {"DELIVERED"} and set(found["gone"].values()) == {"DEAD"}
    assert set(found["busy"].values()) == {"PENDING"}, "none is given up for a process that was killed"
    for path in PATHS[:2]:
        came = [one.id for one in receiver.at(f"/{path}")]
        assert list(dict.fromkeys(came)) == [f"{path}{one}" for one in made], "all of them, in their order"
        assert came == sorted(came), "and none once more after a later one"
    return moment, left


async def standing(store: Store, path: str) -> dict[str, str]:
    """The status of each delivery to a destination."""
    async with store.postgres.connection() as connection:
        return {one.id: one.status for one in await page_of_deliveries(connection, store.organization, path, [], 1_000)}


async def left_behind(store: Store, receiver: Receiver) -> set[str]:
    """What is so of deliveries to who takes all."""
    came = {one.id for one in receiver.at("/ok")}
    async with store.postgres.connection() as connection:
        found = await page_of_deliveries(connection, store.organization, "ok", [], 1_000)
    left = {"whole"}
    for one in found:
        if one.status == "DELIVERED" and one.id not in came:
            left.add("lost")
        elif one.status == "PENDING" and one.last_attempt:
            left.add("taken and not known" if one.id in came else "claimed and not sent")
    return left


async def test_none_is_lost_where_it_is_decided_what_becomes_of_it(store: Store, receiver: Receiver) -> None:
    moment, left = await sent_wherever_it_is_killed(store, receiver, *DECISIVE, step=2)
    assert moment > 25, "it was killed at every other moment, and lines have two"
    assert {"taken and not known", "claimed and not sent"} <= left


@pytest.mark.long
async def test_none_is_lost_wherever_it_is_killed(store: Store, receiver: Receiver) -> None:
    moment, _ = await sent_wherever_it_is_killed(store, receiver, *EVERYWHERE)
    assert moment > 80
