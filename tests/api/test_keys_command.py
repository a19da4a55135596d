"""`trueup keys`, as an operator uses it; and no secret is found where anybody could read it."""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from services.access.cli import keys
from services.access.scopes import Scope
from tests.api_client import stranger
from tests.store.kit import Store

pytestmark = pytest.mark.stack


def run(store: Store, *arguments: str) -> str:
    """`trueup keys`, which must succeed."""
    ran = CliRunner().invoke(keys, arguments, env=environment(store), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def environment(store: Store) -> dict[str, str]:
    endpoints = store.endpoints
    return {"TRUEUP_KAFKA_BOOTSTRAP": endpoints.kafka.bootstrap, "TRUEUP_DATABASE_URL": endpoints.database_url}


async def test_keys_are_made_listed_rotated_and_revoked(store: Store) -> None:
    async def said(*arguments: str) -> Any:
        return json.loads(await asyncio.to_thread(run, store, *arguments, "--json"))

    mine = ("--organization", store.organization)
    made = await said("create", *mine, "--scope", "read", "--scope", "usage", "--name", "the gateway")
    assert set(made) == {"organizationId", "accessKeyId", "apiSecret", "scopes"}
    assert (made["organizationId"], made["scopes"]) == (store.organization, ["read", "usage"])
    whole = await said("create", *mine)
    assert whole["scopes"] == [scope.value for scope in Scope]
    rotated = await said("rotate", made["accessKeyId"], "--grace-hours", "0")
    listed = await said("list", *mine)
    assert [listed_key["accessKeyId"] for listed_key in listed] == [
        key["accessKeyId"] for key in (made, whole, rotated)
    ]
    assert (listed[0]["replacedBy"], listed[0]["name"]) == (rotated["accessKeyId"], listed[2]["name"])
    assert "revoked" in listed[0] and "revoked" not in listed[2] and "apiSecret" not in listed[2]

    told = await asyncio.to_thread(run, store, "revoke", whole["accessKeyId"])
    assert told.startswith(f"revoked {whole['accessKeyId']}")
    table = await asyncio.to_thread(run, store, "list", *mine)
    assert table.count("revoked 20") == 2 and "in use" in table and "the gateway" in table
    plain = await asyncio.to_thread(run, store, "create", *mine)
    assert "shown this once" in plain
    secrets = [plain.split("API secret")[1].split()[0], *(key["apiSecret"] for key in (made, whole, rotated))]
    assert not [secret for secret in secrets if secret in await everything(store)]


async def everything(store: Store) -> str:
    """All that the database keeps about keys."""
    async with store.postgres.connection() as connection:
        rows = await connection.fetch("SELECT k::text AS row FROM store.access_keys k")
    return "\n".join(row["row"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("revoke", "nobody"), "there is no access key nobody"),
        (("rotate", "nobody"), "there is no access key nobody"),
        (("create", "--organization", "x" * 81), "must be 1 to 80 printable characters"),
        (("create", "--organization", ""), "must be 1 to 80 printable characters"),
        (("create", "--organization", ".."), "must not be . or .., which mean another path"),
        (("create", "--organization", "a", "--scope", "everything"), "is not one of 'read', 'write'"),
        (("create", "--organization", "a", "--name", "\n"), "must be 1 to 200 printable characters"),
        (("create",), "Missing option '--organization'"),
    ],
)
async def test_what_cannot_be_is_said(store: Store, arguments: tuple[str, ...], said: str) -> None:
    def failing() -> str:
        ran = CliRunner().invoke(keys, arguments, env=environment(store))
        assert ran.exit_code != 0
        return ran.output + str(ran.exception)

    assert said in await asyncio.to_thread(failing)


async def test_no_log_has_a_secret_or_a_token(store: Store, tmp_path: Path) -> None:
    id, secret = await store.key()
    ready, log = tmp_path / "ready.json", tmp_path / "log"
    with log.open("wb") as opened:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.run.cli", "api", "--port", "0", "--ready-file", str(ready)),
            env=os.environ | environment(store) | {"TRUEUP_LOG_LEVEL": "DEBUG"},
            stdout=opened,
            stderr=opened,
        )
    try:
        async with asyncio.timeout(60):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.1)
        async with stranger(json.loads(ready.read_text())["url"]) as client:
            grant = {"grant_type": "client_credentials"}
            token = (await client.post("/oauth/token", json=grant, auth=(id, secret))).json()["access_token"]
            assert (await client.post("/oauth/token", json=grant, auth=(id, f"wrong-{secret}"))).status_code == 401
            below = f"/organizations/{store.organization}/accounts"
            for bearer in (token, token[:-2]):
                await client.get(below, headers={"authorization": f"Bearer {bearer}"})
    finally:
        process.terminate()
        async with asyncio.timeout(60):
            await process.wait()
    written = log.read_text()
    basic = base64.b64encode(f"{id}:{secret}".encode()).decode()
    assert not [word for word in (secret, token, token.split(".")[2][:-2], basic) if word in written], written
