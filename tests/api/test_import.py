"""`trueup import` sends a file, tells what is wrong by line, and goes on where it stopped; nothing counts twice."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.api.measured import counted
from tests.forked import started
from tests.ingest.live import Live
from tests.store.kit import Store

pytestmark = pytest.mark.stack
HEADER = "when,account,n,who.user\n"
MAPPED = ("--map", "when=ts", "--map", "n=measure.calls", "--set", "meter=api")


async def imported(path: Path, url: str, store: Store, *more: str, killed: bool = False) -> tuple[int, str]:
    """Run it; returns its status and all that it said."""
    key = await store.credentials(store.organization)
    said = path.with_name("said")
    said.unlink(missing_ok=True)
    process = await started(
        *("import", str(path), "--url", url, "--organization", store.organization, *more),
        environment=os.environ
        | {"COLUMNS": "200", "TRUEUP_API_KEY": key.access_key_id, "TRUEUP_API_SECRET": key.api_secret},
        log=said,
    )
    try:
        async with asyncio.timeout(120):
            if killed:
                position = path.with_name(path.name + ".imported.json")
                while not position.exists():
                    await asyncio.sleep(0.01)
                return await process.kill(), ""
            return await process.wait(), said.read_text()
    finally:
        await process.kill()


def lines(count: int) -> str:
    return HEADER + "".join(
        f"2026-01-{1 + number % 28:02} 10:00:00Z,acme-{number % 5},1.5,u{number % 7}\n" for number in range(count)
    )


async def test_a_file_is_sent_once_however_often_it_is_begun(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live, tmp_path: Path
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(lines(12_000))
    ended, _ = await imported(path, url, store, *MAPPED, killed=True)
    assert ended == 128 + signal.SIGKILL
    status, said = await imported(path, url, store, *MAPPED)
    assert status == 0 and "were sent before" in said, said
    status, said = await imported(path, url, store, *MAPPED)
    assert status == 0 and "0 sent; lines to 12001 were sent before" in said
    status, said = await imported(path, url, store, *MAPPED, "--from-start")
    assert status == 0 and "12000 sent" in said
    async with system.worker():
        usage = await counted(system, store)
    assert len(usage) == 12_000
    assert sum((record.measure or {})["calls"] for record in usage) == 18_000


async def test_what_is_wrong_is_told_by_line_and_the_rest_is_sent(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live, tmp_path: Path
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(lines(5) + "yesterday,acme-0,1,u\n2026-01-01T00:00:00Z,acme-0,many,u\n2026-01-01T00:00:00Z,,1,u\n")
    status, said = await imported(path, url, store, *MAPPED)
    assert status == 1 and "5 sent, 3 wrong" in said
    assert "line 7: ts: must be an RFC 3339 date-time" in said
    assert "line 8: measure.calls: must be a number" in said
    assert "line 9: account: is required" in said
    path.write_text(lines(6))
    status, said = await imported(path, url, store, *MAPPED)
    assert status == 1 and "has changed since its lines to 9 were sent" in said
    async with system.worker():
        assert len(await counted(system, store)) == 5


async def test_lines_of_json_may_have_ids_of_their_own(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live, tmp_path: Path
) -> None:
    path = tmp_path / "usage.jsonl"
    one = (
        '{"account": "acme", "meter": "api", "ts": "2026-01-01T00:00:00Z", "uid": "u-%s", "measure": {"calls": 0.1}}\n'
    )
    path.write_text("".join(one % (number % 10) for number in range(20)))
    status, said = await imported(path, url, store)
    assert status == 0 and "20 sent" in said
    async with system.worker():
        assert [str((record.measure or {})["calls"]) for record in await counted(system, store)] == ["0.1"] * 10


async def test_an_unknown_organization_or_column_ends_it_at_once(url: str, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(lines(3))
    status, said = await imported(path, url, store)
    assert status == 1 and "column 'when' is no field of usage" in said
    nobody = Store(store.endpoints, store.postgres, store.generations)
    status, said = await imported(path, url, nobody, *MAPPED)
    assert status == 1 and "answered 403" in said and "is unknown or not yours" in said
