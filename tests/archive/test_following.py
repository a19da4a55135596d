"""`trueup archive --follow`: it waits for Kafka, what comes is kept while it runs, and it ends when it is asked to,
also while its place does not answer; it needs no Postgres."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from events.topics import USAGE
from services.archive.manifest import NAME, folder_of
from services.archive.place import FilePlace
from services.archive.read_back import load
from services.archive.verifying import verify
from services.failures import ExpectedFailure
from services.kafka import BatchWriter, Record
from services.run.stack import Stack
from services.run.stack.child import Command
from tests.api_client import probe
from tests.archive.test_topics import filled
from tests.examples.way import Way
from tests.forked import ForkedChild

pytestmark = pytest.mark.stack


async def until_kept(place: FilePlace, records: int, log: Path) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if load(place, USAGE, 0).records >= records:
                    return
            except ExpectedFailure:  # nothing is there yet
                assert "Traceback" not in log.read_text()
            await asyncio.sleep(0.1)


async def until_said(what: str, log: Path) -> None:
    async with asyncio.timeout(120):
        while what not in log.read_text():
            await asyncio.sleep(0.1)


async def until_read(pipe: Path) -> None:
    """Until somebody waits for whoever writes there. Being met, who reads is told an error, and comes again."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                return
            await asyncio.sleep(0.01)


async def test_what_comes_is_kept_until_it_is_asked_to_end(stack: Stack, tmp_path: Path) -> None:
    cluster, place, log = await filled(stack, "followed"), FilePlace(str(tmp_path / "kept")), tmp_path / "log"
    host, _, port = cluster.bootstrap.rpartition(":")
    way = Way(host, int(port))
    async with way.open() as closed:
        pass
    environment = os.environ | {
        "TRUEUP_HOME": str(tmp_path),
        "TRUEUP_KAFKA_BOOTSTRAP": f"127.0.0.1:{closed}",
        "TRUEUP_KAFKA_TOPIC_PREFIX": cluster.prefix,
    }
    environment.pop("TRUEUP_DATABASE_URL", None)
    log.touch()
    argv = (sys.executable, "-m", "services.run.cli", "archive", "--follow", "--every", "1", place.url)
    child = ForkedChild(Command("archive", argv, environment, log))
    try:
        await until_said(f"127.0.0.1:{closed}", log)
        assert "waits" in log.read_text()
        async with way.open(closed):
            await until_kept(place, 55, log)
            async with BatchWriter(cluster) as writer:
                await writer.append(USAGE, 0, [Record(None, b"later")])
            await until_kept(place, 56, log)
            [url] = {
                line.partition("http://")[2].split('"')[0] for line in log.read_text().splitlines() if "sight_" in line
            }
            assert "trueup_archive_timestamp_seconds 1" in (await probe(f"http://{url}/metrics")).text
            # In the midst of a pass, and of a read that no answer comes to.
            manifest, aside = tmp_path / "kept" / folder_of(USAGE, 0) / NAME, tmp_path / "aside"
            manifest.rename(aside)
            os.mkfifo(manifest)
            async with BatchWriter(cluster) as writer:
                await writer.append(USAGE, 0, [Record(None, b"never kept")])
            await until_read(manifest)
            await asyncio.sleep(2)  # it has come again by now, and waits
            assert await child.stop() == 0
            aside.rename(manifest)
    finally:
        await child.kill()
    assert not [one for found in verify(place) for one in found.wrong]
