"""`webhook_receiver.py` takes what is signed, once, and nothing else."""

import asyncio
import os
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx

from services.webhooks.signing import headers_of, secret_of
from tests.api_client import stranger
from tests.examples.conftest import ROOT

SECRET, OTHER = secret_of(b"a" * 32), secret_of(b"b" * 32)
BODY = '{"type":"alert.funds.used","timestamp":"2026-03-01T10:00:00Z","data":{"id":"e"}}'


async def test_what_is_signed_is_taken_once(tmp_path: Path, unused_tcp_port: int) -> None:
    environment = {
        **os.environ,
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_PORT": str(unused_tcp_port),
        "WEBHOOK_KEPT": str(tmp_path / "kept.db"),
    }
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / "examples" / "webhook_receiver.py", env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with stranger(f"http://127.0.0.1:{unused_tcp_port}") as http:
            assert await _answers(http, headers_of("msg_1", datetime.now(UTC), BODY, [SECRET])) == 204
            assert await _answers(http, headers_of("msg_1", datetime.now(UTC), BODY, [OTHER, SECRET])) == 204
            assert await _answers(http, headers_of("msg_2", datetime.now(UTC), BODY, [OTHER])) == 401
            assert await _answers(http, headers_of("msg_3", datetime.now(UTC), BODY + " ", [SECRET])) == 401
            assert await _answers(http, {}) == 401
            assert await _answers(http, headers_of("msg_4", datetime.now(UTC), BODY, [SECRET])) == 204
    finally:
        receiver.kill()
        said, _ = await receiver.communicate()
    assert said.decode().splitlines() == ["alert.funds.used e"] * 2
    with sqlite3.connect(tmp_path / "kept.db") as database:
        assert [row[0] for row in database.execute("SELECT delivery FROM events ORDER BY 1")] == ["msg_1", "msg_4"]


async def _answers(http: httpx.AsyncClient, headers: dict[str, str]) -> int:
    async with asyncio.timeout(60):
        while True:
            try:
                return (await http.post("/", content=BODY, headers=headers)).status_code
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
