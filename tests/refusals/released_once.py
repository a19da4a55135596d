"""What an API's process does with held usage beside its requests: sends what its account is there for, until nothing of
an organization is held. For `tests/killing.py`.
"""

import asyncio

from services.kafka import Cluster, SharedWriter
from services.postgres import Role, open_postgres
from services.refusals.releasing import Releaser
from services.store.generations import load_generations
from tests.killing import Counted, Work

_HELD = (
    "SELECT count(*) FROM store.refused_usage WHERE organization = $1 AND held_until IS NOT NULL AND replayed IS NULL"
)


async def release(url: str, cluster: Cluster, organization: str) -> None:
    """All of it."""
    async with (
        open_postgres(url, role=Role.API) as postgres,
        open_postgres(url, role=Role.WATCH) as every,
        SharedWriter(cluster) as usage,
    ):
        async with every.connection() as connection:
            generations = await load_generations(connection)
        releaser = Releaser(postgres, every, cluster, usage, lambda: generations)
        async with postgres.of(organization).connection() as connection:
            while await connection.fetchval(_HELD, organization):
                await releaser.look()


def release_once(url: str, bootstrap: str, organization: str) -> Work:
    """Of the organization that is named; nothing comes of it but what it does."""

    def work(counted: Counted, /, *_: str) -> int:
        with counted():
            asyncio.run(release(url, Cluster(bootstrap), organization))
        return 0

    return work
