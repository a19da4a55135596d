"""Connections and /health: an idle connection is kept, waiting commands take none, and /health answers in any case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.api.app import CONNECTIONS, FOR_A_MOMENT, OF_EVERY, THAT_STAY, create_app
from services.api.health import Health
from services.api.standing import Standing
from services.api.statuses import status_of
from services.concurrency import NoTurnError
from services.kafka import Cluster
from services.postgres import Role, own_connection
from services.postgres import connection as connecting
from services.readside.watching import open_watcher
from services.store.execute import lock_organization
from services.store.fence import Fence
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, healthy, http_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack


@asynccontextmanager
async def health_of(
    store: Store, *, database: str | None = None, kafka: Cluster | None = None
) -> AsyncIterator[Health]:
    url, cluster = database or store.endpoints.database_url, kafka or store.endpoints.kafka
    async with open_watcher(url, cluster) as watcher:
        standing = Standing(url, cluster, Fence(), lambda _: None)
        standing.broken = None
        health = Health(url, watcher, standing)
        try:
            yield health
        finally:
            await health.close()


async def fetched(store: Store, statement: str) -> list[Any]:
    async with store.postgres.connection() as connection:
        return list(await connection.fetch(statement))


async def test_an_idle_connection_outlives_a_balancers(url: str) -> None:
    """uvicorn's own 5 s are over; the request would be lost if the server closed meanwhile."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for pause in (6, 0):
        writer.write(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
        await asyncio.sleep(pause)
    writer.close()


async def test_commands_that_wait_leave_every_connection_to_others(http: httpx.AsyncClient, store: Store) -> None:
    product = (await http.post("/products", json={"code": "first", "name": "First"})).json()["id"]
    async with store.postgres.transaction() as connection:
        await lock_organization(connection, store.organization)  # as another process does that decides a command
        waiting = [
            asyncio.create_task(http.post("/products", json={"code": f"p{number}", "name": "P"}, timeout=60))
            for number in range(60)
        ]
        await asyncio.sleep(0.5)
        async with asyncio.timeout(20):  # whoever has to wait for one waits for a minute
            for _ in range(20):
                assert (await http.get(f"/products/{product}")).status_code == 200
        assert not any(task.done() for task in waiting)
    assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}


@pytest.mark.parametrize("held", ["store.access_keys", "rm_1.commitment_balances"])
async def test_strangers_who_sign_in_and_looks_at_the_whole_leave_a_connection_to_each_other_and_to_jobs(
    store: Store, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.showing.LOOK_SECONDS", 0.05)
    app = create_app(store.endpoints.database_url, store.endpoints.kafka, token_secret=TOKEN_SECRET)
    async with served(app) as url, http_client(url) as client, store.postgres.connection() as connection:
        own, form = await store.key(), {"grant_type": "client_credentials"}

        async def sign_in() -> int:
            return (await client.post("/oauth/token", data=form, auth=own)).status_code

        async def passed() -> None:
            """Somebody has passed over the laws of conservation, as every five minutes."""
            await fetched(store, "DELETE FROM store.passes")
            while not await fetched(store, "SELECT FROM store.passes WHERE ended IS NOT NULL"):
                await asyncio.sleep(0.05)

        strangers = held == "store.access_keys"
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {held} IN ACCESS EXCLUSIVE MODE")
            waiting = [
                asyncio.create_task(request)
                for request in ([sign_in() for _ in range(10)] if strangers else [passed()])
            ]
            await asyncio.sleep(0.5)
            async with asyncio.timeout(30):  # half of what those that wait have
                await (passed() if strangers else sign_in())
            assert not any(task.done() for task in waiting)
        assert set(await asyncio.gather(*waiting)) == {200 if strangers else None}


def test_who_never_gets_a_turn_is_told_to_come_again() -> None:
    assert status_of(NoTurnError("acme", "a connection to Postgres", 60)) == 503


async def test_health_says_how_far_everybody_is_behind(url: str, store: Store) -> None:
    await store.account()  # no relay runs here
    async with http_client(url) as client:
        response = await healthy(client)
    assert response.json()["behind"].keys() == {"relay", "ingest worker", "projector"}
    assert response.json()["behind"]["relay"] > 0


async def test_health_names_who_stands_still(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.api.health.STILL_SECONDS", 0.2)
    monkeypatch.setattr("services.api.health.KEPT_SECONDS", 0.0)
    await store.account()
    async with health_of(store) as health:
        document = (await health.report()).everybodys
        assert not [problem for problem in document.get("problems", ()) if problem.startswith("the relay is ")]
        await asyncio.sleep(0.3)
        report = await health.report()
    assert report.everybodys == report.operators
    document = report.everybodys
    assert (report.status, document["status"]) == (200, "degraded")
    assert [problem for problem in document["problems"] if problem.startswith("the relay is ")]
    assert document["problems"][-1].endswith("is it running?")


async def test_health_without_kafka_names_it_and_goes_on(store: Store) -> None:
    async with health_of(store, kafka=Cluster("127.0.0.1:9")) as health, asyncio.timeout(1.5):
        report = await health.report()
    assert (report.status, report.everybodys["status"]) == (200, "degraded")
    assert report.everybodys["problems"][0] == "Kafka did not answer"
    assert report.operators["problems"][0].startswith("Kafka at 127.0.0.1:9 did not answer")


@pytest.mark.parametrize("silent", [True, False])
async def test_health_without_postgres_says_so_within_a_second(store: Store, silent: bool) -> None:
    async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if not silent:
        server.close()
    async with health_of(store, database=f"postgresql://u:secret@127.0.0.1:{port}/db") as health, asyncio.timeout(1.5):
        report = await health.report()
    server.close()
    assert (report.status, report.everybodys) == (503, {"status": "unavailable", "message": "Postgres did not answer"})
    assert report.operators["message"].startswith(f"Postgres at postgresql://u:***@127.0.0.1:{port}/db did not answer")


async def test_many_who_ask_for_health_ask_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    async with health_of(store) as health:
        look = health._looker.look

        async def counted() -> object:
            nonlocal looks
            looks += 1
            return await look()

        monkeypatch.setattr(health._looker, "look", counted)
        await asyncio.gather(*(health.report() for _ in range(1_000)))
        for _ in range(100):
            await health.report()
    assert looks <= 2


async def test_so_many_connections_does_a_process_hold_beside_its_pools(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that stay, once there was a job of each kind, and never more than those and the ones for a moment."""
    held, most, connect = list[Any](), 0, connecting.connect
    url = f"{store.endpoints.database_url}{'&' if '?' in store.endpoints.database_url else '?'}application_name=counted"

    async def counted(to: str, role: Role | None) -> Any:
        raw = await connect(to, role)
        if to == url:
            held.append(raw)
            nonlocal most
            most = max(most, sum(not one.is_closed() for one in held))
        return raw

    for module in (connecting, own_connection):
        monkeypatch.setattr(module, "connect", counted)
    app = create_app(url, store.endpoints.kafka, token_secret=TOKEN_SECRET, revoked_seconds=0.05)
    async with served(app) as base, http_client(base) as client, asyncio.timeout(60):
        await healthy(client)
        await app.state.health.watcher.now()
        for jobs in (app.state.api.bill_jobs, app.state.api.exports):
            async with jobs._jobs._locks.holding(-1):
                pass
        while most <= THAT_STAY or sum(not one.is_closed() for one in held) != THAT_STAY:
            await asyncio.sleep(0.01)
    assert most <= THAT_STAY + FOR_A_MOMENT


def test_the_page_about_servers_counts_the_connections_of_a_process() -> None:
    pooled, own = CONNECTIONS + OF_EVERY, THAT_STAY + FOR_A_MOMENT
    text = " ".join(Path("docs/servers.md").read_text().split())
    assert f"up to {pooled} connections to the pooler and {own} to the server, of which {THAT_STAY} stay" in text
    assert f"process holds at most {pooled + own}," in text
