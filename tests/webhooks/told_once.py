"""What an API's process does beside its requests, once, for an organization: rules hear of events, and what a webhook
destination wants becomes a delivery. Ends when all that there is was looked at. For `tests/killing.py`.
"""

import asyncio
from datetime import UTC, datetime

from services.alerts.following import EventFollower
from services.alerts.windows import WindowAlerts
from services.api.event_documents import documents_at
from services.api.wire import encode, wire_document
from services.postgres import Role, open_postgres
from services.store.generations import load_generations
from services.webhooks.announcing import Announcer
from tests.killing import Counted, Work

_IS_DONE = """
SELECT (SELECT max(position) FROM store.events WHERE organization = $1)
    <= (SELECT position FROM store.webhook_positions WHERE organization = $1)
"""
_LOOK_SECONDS = 0.01
#: How late read models are.
VERY_LATE_SECONDS = 86_400.0


async def tell(url: str, organization: str) -> None:
    """All of it."""
    async with open_postgres(url, role=Role.API) as postgres, open_postgres(url, role=Role.WATCH) as every:
        async with every.connection() as connection:
            generations = await load_generations(connection)
        follower = EventFollower(postgres, lambda: generations, wire_document)
        while await follower.follow(organization):
            pass
        windows = WindowAlerts(postgres, lambda: generations)
        await windows.tell_behind(organization, VERY_LATE_SECONDS, datetime.now(UTC))
        announcing = asyncio.create_task(Announcer(postgres, every, lambda: generations, documents_at, encode).run())
        async with postgres.of(organization).connection() as connection:
            while not await connection.fetchval(_IS_DONE, organization):
                assert not announcing.done(), announcing.result()
                await asyncio.sleep(_LOOK_SECONDS)
        announcing.cancel()


def tell_once(url: str, organization: str) -> Work:
    """Of the organization that is named; nothing comes of it but what it does."""

    def work(counted: Counted, /, *_: str) -> int:
        with counted():
            asyncio.run(tell(url, organization))
        return 0

    return work
