"""Access keys against a real database: exchanged for tokens by the official clients too, rotated, revoked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from m3ter import PermissionDeniedError

from services.access.denials import AccessUnknownError, RevokedTokenError
from services.access.gate import Gate
from services.access.keys import is_any_key, is_secret_of, revoke_key, rotate_key
from services.access.scopes import Scope
from services.access.tokens import TOKEN_SECONDS
from services.api.app import create_app
from tests.api.serving import served
from tests.api_client import stranger
from tests.official import official_blocking_client, official_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack
GRANT = {"grant_type": "client_credentials"}
Key = tuple[str, str]


@pytest_asyncio.fixture(loop_scope="session")
async def http(opened: Store) -> AsyncIterator[httpx.AsyncClient]:
    """An API that hears of revoked keys at once, and signs with the database's secret."""
    endpoints = opened.endpoints
    app = create_app(endpoints.database_url, endpoints.kafka, revoked_seconds=0.05)
    async with served(app) as url, stranger(url) as client:
        yield client


async def token(http: httpx.AsyncClient, key: Key, **more: Any) -> str:
    answer = await http.post("/oauth/token", json=GRANT | more, auth=key)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "expires_in", "token_type"}
    assert answer.json()["token_type"] == "Bearer"
    assert TOKEN_SECONDS - 60 < answer.json()["expires_in"] <= TOKEN_SECONDS
    return str(answer.json()["access_token"])


async def status(http: httpx.AsyncClient, store: Store, bearer: str, method: str = "GET") -> int:
    path = f"/organizations/{store.organization}/accounts"
    return (await http.request(method, path, json={}, headers={"authorization": f"Bearer {bearer}"})).status_code


async def until_refused(http: httpx.AsyncClient, store: Store, bearer: str) -> None:
    async with asyncio.timeout(30):
        while await status(http, store, bearer) != 401:
            await asyncio.sleep(0.02)


async def test_a_key_is_exchanged_for_a_token(http: httpx.AsyncClient, store: Store) -> None:
    key = await store.key(frozenset({Scope.READ}))
    asked = await token(http, key, scope="m3ter-resources/m3ter-scope measurements:upload")
    assert await status(http, store, asked) == 200
    assert await status(http, store, asked, "POST") == 403  # what it asks for does not make it good for more
    form = await http.post("/oauth/token", data=GRANT, auth=key)
    assert form.status_code == 200 and form.json()["access_token"] == asked  # which was made a moment ago


async def test_wrong_credentials_are_all_answered_alike(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, secret = await store.key()
    compared: list[str | None] = []

    def comparing(hashed: str | None, secret: str) -> bool:
        compared.append(hashed)
        return is_secret_of(hashed, secret)

    monkeypatch.setattr("services.access.signing_in.is_secret_of", comparing)
    wrong = [(id, "wrong"), (id, secret + "x"), (id.upper(), secret)]
    wrong += [("nobody", secret), ("a" * 500, "x"), ("a\0", "x")]
    answers = [await http.post("/oauth/token", json=GRANT, auth=one) for one in wrong]
    assert len(compared) == len(wrong)  # so that none is answered sooner
    assert len({(one.status_code, one.text, one.headers["www-authenticate"]) for one in answers}) == 1
    assert (answers[0].status_code, list(answers[0].json())) == (401, ["message"])
    for header in ("", "Basic", "Basic !!", "Basic YQ==", "Basic OnM=", "Basic YTo=", "Bearer x"):
        answer = await http.post("/oauth/token", json=GRANT, headers={"authorization": header})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic"), header
    assert (await http.post("/oauth/token", json={"grant_type": "password"}, auth=(id, secret))).status_code == 400


async def test_a_revoked_key_and_its_tokens_are_refused(http: httpx.AsyncClient, store: Store) -> None:
    key = await store.key()
    held = await token(http, key)
    assert await status(http, store, held) == 200
    async with store.postgres.connection() as connection:
        await revoke_key(connection, key[0])
    await until_refused(http, store, held)
    assert (await http.post("/oauth/token", json=GRANT, auth=key)).status_code == 401


async def test_a_token_of_a_clock_that_was_ahead_does_not_outlive_its_revoked_key(store: Store) -> None:
    id, gate = (await store.key())[0], Gate(store.endpoints.database_url)
    async with store.postgres.connection() as connection:
        await revoke_key(connection, id)
        await connection.execute(
            "UPDATE store.access_keys SET revoked = now() - interval '7 hours' WHERE access_key_id = $1", id
        )
        await gate.look(connection)
    late = gate.tokens.sign(id, store.organization, frozenset(Scope), seconds=TOKEN_SECONDS + 86_400)
    with pytest.raises(RevokedTokenError):
        gate.bearer_of(f"Bearer {late}")


async def test_a_rotated_key_goes_on_for_its_grace_and_no_longer(http: httpx.AsyncClient, store: Store) -> None:
    patient, hasty = await store.key(frozenset({Scope.READ})), await store.key(frozenset({Scope.READ}))
    held = {key: await token(http, key) for key in (patient, hasty)}
    async with store.postgres.connection() as connection:
        new = [await rotate_key(connection, patient[0], timedelta(hours=1))]
        new += [await rotate_key(connection, hasty[0], timedelta(0))]
    await until_refused(http, store, held[hasty])
    assert await status(http, store, held[patient]) == 200
    await token(http, patient)
    for one in new:
        assert (one.key.organization, one.key.scopes) == (store.organization, {Scope.READ})
        assert await status(http, store, await token(http, (one.key.id, one.secret))) == 200
    async with store.postgres.connection() as connection:
        await revoke_key(connection, patient[0])  # its grace is over sooner
    await until_refused(http, store, held[patient])


async def test_processes_take_each_others_tokens(http: httpx.AsyncClient, store: Store) -> None:
    endpoints = store.endpoints
    key = await store.key()
    another = create_app(endpoints.database_url, endpoints.kafka)
    async with served(another) as url, stranger(url) as other:
        assert await status(other, store, await token(http, key)) == 200
        assert await status(http, store, await token(other, key)) == 200
    given = create_app(endpoints.database_url, endpoints.kafka, token_secret="given" * 8)
    async with served(given) as url, stranger(url) as other:
        assert await status(other, store, await token(http, key)) == 401
        assert await status(other, store, await token(other, key)) == 200


async def test_the_official_clients_work_with_a_key(http: httpx.AsyncClient, store: Store) -> None:
    key = await store.key()
    url = str(http.base_url)

    def in_turn() -> tuple[str | None, str]:
        with official_blocking_client(url, store.organization, key=key) as client:
            made = client.products.create(code="sync", name="Sync")
            with pytest.raises(PermissionDeniedError, match="the access key is not of this organization"):
                client.products.retrieve(made.id, org_id="other")
            return client.products.retrieve(made.id).created_by, made.id

    by, product = await asyncio.to_thread(in_turn)
    assert by == f"USER_{key[0]}"
    bearer = await token(http, key)
    async with official_client(url, store.organization, bearer, key=key) as client:
        assert (await client.products.retrieve(product)).name == "Sync"


async def test_an_outage_of_postgres_changes_nothing_about_who_may_ask(store: Store) -> None:
    gate = Gate("postgresql://nobody@127.0.0.1:1/none", again_seconds=0.01)
    watching = asyncio.create_task(gate.watch())
    await gate.looked.wait()
    with pytest.raises(AccessUnknownError, match=r"it is not known yet who may ask: Postgres did not answer$"):
        gate.bearer_of("Bearer token")
    revoked = await store.key()
    async with store.postgres.connection() as connection:
        await revoke_key(connection, revoked[0])
        await gate.look(connection)
    await asyncio.sleep(0.3)
    assert not watching.done()
    good = gate.tokens.sign("key", store.organization, frozenset({Scope.READ}))
    assert gate.bearer_of(f"Bearer {good}").access_key_id == "key"
    with pytest.raises(RevokedTokenError):
        gate.bearer_of(f"Bearer {gate.tokens.sign(revoked[0], store.organization, frozenset())}")
    watching.cancel()


async def test_a_key_is_rotated_once(store: Store) -> None:
    id, _ = await store.key()
    async with store.postgres.connection() as connection:
        new = await rotate_key(connection, id, timedelta(hours=1))
        with pytest.raises(Exception, match=f"{id} was replaced by {new.key.id}; only one that is in use"):
            await rotate_key(connection, id, timedelta(hours=1))
        await revoke_key(connection, new.key.id)
        with pytest.raises(Exception, match="was revoked; only one that is in use"):
            await rotate_key(connection, new.key.id, timedelta(hours=1))
        assert await is_any_key(connection)
