"""What is to be sent is sent at least once and in its order, wherever the process that sends it is killed."""

from itertools import chain

import pytest

from events.resources.webhooks import Webhook
from services.webhooks.deliveries import New, add, page_of_deliveries
from services.webhooks.destinations import put_destination
from services.webhooks.kept_secrets import OVERLAP, replace_secret
from services.webhooks.sealing import Sealer
from services.webhooks.signing import secret_of
from tests.killing import forks
from tests.store.kit import Store
from tests.webhooks.receiver import Receiver
from tests.webhooks.sent_once import send_once

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
CLAIMS, LANES = "services/webhooks/claims.py", "services/webhooks/lanes.py"
#: Where it is decided what becomes of a delivery: it is claimed, and what came of it is said.
DECISIVE = (f"{CLAIMS}:take,end",)
EVERYWHERE = (CLAIMS, LANES, "services/webhooks/deliveries.py", "services/webhooks/sending.py")
#: The claims of who was killed are over, and so is the time that a receiver has asked for.
_LATER = "UPDATE store.webhook_deliveries SET next_attempt = now() WHERE organization = $1 AND claim IS NOT NULL"
_RESTED = "UPDATE store.webhook_destinations SET rests_until = now() WHERE organization = $1"
PATHS = ("ok", "gone", "busy")


async def sent_wherever_it_is_killed(
    store: Store, receiver: Receiver, *places: str, most_turns: int
) -> tuple[int, set[str]]:
    """Before each kill three receivers are to be sent something: one takes it, one wants no more, one asks for time.

    Returns the moments, and what kills have left (see `left_behind`).
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
    made, left, moment, was_killed = list[str](), set[str](), 0, True
    arguments = (send_once, store.endpoints.database_url, store.organization)
    async with forks(*arguments, places=places, most_turns=most_turns) as run:
        while was_killed:
            moment += 1
            made.append(f"{moment:04}")
            async with store.postgres.transaction() as connection:
                for path in PATHS:
                    new = New(f"{path}{made[-1]}", None, "t", made[-1] if path == "busy" else "all", "{}")
                    await add(connection, store.organization, path, [new])
                await connection.execute(_LATER, store.organization)
                await connection.execute(_RESTED, store.organization)
            was_killed = await run(moment) is None
            left |= await left_behind(store, receiver)
    assert "ended and not sent" not in left
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
    """What there is of deliveries that nobody has said the end of, and of others."""
    came, left = {one.id for one in receiver.got}, {"whole"}
    async with store.postgres.connection() as connection:
        pages = [await page_of_deliveries(connection, store.organization, path, [], 999) for path in PATHS]
    for one in chain(*pages):
        if one.status in ("DELIVERED", "DEAD") and one.id not in came:
            left.add("ended and not sent")
        elif one.status == "PENDING" and one.last_attempt and one.last_status is None:
            left.add("sent and not ended" if one.id in came else "claimed and not sent")
    return left


async def test_none_is_lost_where_it_is_decided_what_becomes_of_it(store: Store, receiver: Receiver) -> None:
    moment, left = await sent_wherever_it_is_killed(store, receiver, *DECISIVE, most_turns=1)
    assert moment > 12, "it was killed at every line"
    assert {"sent and not ended", "claimed and not sent"} <= left


@pytest.mark.long
async def test_none_is_lost_wherever_it_is_killed(store: Store, receiver: Receiver) -> None:
    moment, _ = await sent_wherever_it_is_killed(store, receiver, *EVERYWHERE, most_turns=2)
    assert moment > 80
