"""Installations that share servers: each has topics under a prefix, and a database, of its own.

Who does not break servers needs none of its own: to start a broker and a cluster, to compile what they do and to end
them takes four seconds of CPU.
"""

from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from services.run.stack import Endpoints


async def installation(servers: Endpoints) -> Endpoints:
    """Where a fresh one answers; nothing is migrated. It goes with the servers."""
    name = uuid4().hex[:8]
    url = urlsplit(servers.database_url)._replace(path=f"/apart_{name}").geturl()
    await administer(servers.database_url, f"CREATE DATABASE apart_{name}")
    return Endpoints(replace(servers.kafka, prefix=f"apart-{name}."), url)


async def administer(database_url: str, *statements: str) -> None:
    """In the cluster, from beside the database, which may come and go."""
    connection = await asyncpg.connect(urlsplit(database_url)._replace(path="/postgres").geturl())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def database_of(endpoints: Endpoints) -> str:
    """The name of the database."""
    return urlsplit(endpoints.database_url).path.removeprefix("/")


def environment_at(endpoints: Endpoints) -> dict[str, str]:
    """What a process of ours is told of where they answer."""
    return {
        "TRUEUP_KAFKA_BOOTSTRAP": endpoints.kafka.bootstrap,
        "TRUEUP_KAFKA_TOPIC_PREFIX": endpoints.kafka.prefix,
        "TRUEUP_DATABASE_URL": endpoints.database_url,
    }
