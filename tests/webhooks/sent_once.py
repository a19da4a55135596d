"""What `trueup webhooks` does, until nothing of an organization is due; it goes on from what one that was killed left.

TRUEUP_DATABASE_URL=... python tests/webhooks/sent_once.py ORGANIZATION
"""

import asyncio
from datetime import timedelta
from ipaddress import ip_network

import httpcore

from services.postgres import Role, open_postgres
from services.webhooks.addresses import ReceiverRules
from services.webhooks.lanes import Webhooks
from services.webhooks.reaching import FitAddresses, Names
from services.webhooks.rules import WebhookRules
from services.webhooks.sending import Sender
from tests.killing import Counted, Work

#: Something is to be sent now, or is being sent by a claim that is good.
_IS_DUE = """
SELECT EXISTS (
    SELECT FROM store.webhook_deliveries d JOIN store.webhook_destinations w USING (organization, webhook_id)
    WHERE d.organization = $1 AND d.status = 'PENDING'
        AND ((d.next_attempt <= now() AND w.rests_until <= now()) OR (d.next_attempt > now() AND d.claim IS NOT NULL))
)
"""
_LOOK_SECONDS = 0.03
_REACH = ReceiverRules((ip_network("127.0.0.0/8"),), plain_http=True)


async def send(url: str, organization: str) -> None:
    """All of it."""
    names, stop = Names(), asyncio.Event()
    async with (
        open_postgres(url, role=Role.WEBHOOKS) as postgres,
        httpcore.AsyncConnectionPool(network_backend=FitAddresses(names, _REACH.allowed)) as pool,
    ):
        runner = Webhooks(postgres, Sender(pool, _REACH), WebhookRules(_REACH), timedelta(days=30))
        sending = asyncio.create_task(runner.run(stop))
        async with postgres.connection() as connection:
            while await connection.fetchval(_IS_DUE, organization):
                assert not sending.done(), sending.result()
                await asyncio.sleep(_LOOK_SECONDS)
        stop.set()
        await sending
    names.close()


def send_once(url: str, organization: str) -> Work:
    """Of the organization that is named; nothing comes of it but what it does."""

    def work(counted: Counted, /, *_: str) -> int:
        with counted():
            asyncio.run(send(url, organization))
        return 0

    return work
