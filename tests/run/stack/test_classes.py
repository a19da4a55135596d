"""A broker's classes are archived for those that start after it, and nothing that happens to the archive stops one."""

import contextlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from services.run.stack import kafka
from services.run.stack.jars import find_java, kafka_jars
from services.run.stack.kafka import EmbeddedKafka
from services.run.stack.locks import FileLock
from services.run.stack.prepared import ClassArchive

pytestmark = pytest.mark.stack
#: Of the thousands that a broker lists: an archive of these is soon made.
FEW = 600


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of them without an archive."""
    folder = tmp_path_factory.mktemp("jars")
    for jar in (await kafka_jars()).glob("*.jar"):
        shutil.copy2(jar, folder)
    return folder


@pytest.fixture
def archive(jars: Path) -> ClassArchive:
    return ClassArchive.of(find_java(), jars)


def starts(archive: ClassArchive, *options: str) -> bool:
    """Whether a Java starts that is given the archive. Under -Xshare:on it does so only if it can map it."""
    argv = [str(archive.java), *archive.options(Path("/dev/null")), *options, *archive.class_path, "-version"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


async def test_a_broker_that_has_ended_leaves_what_the_next_start_makes_an_archive_of(
    archive: ClassArchive, jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ours() -> Path:
        return jars

    monkeypatch.setattr(kafka, "kafka_jars", ours)
    broker = EmbeddedKafka(tmp_path)
    await broker.start()
    await broker.stop()
    listed = archive.listing.read_text().splitlines(keepends=True)
    assert "kafka/server/KafkaBroker\n" in listed
    archive.listing.write_text("".join(listed[:FEW]))

    with contextlib.closing(FileLock(archive.file.with_name("classes.lock"))) as other:
        assert other.try_acquire()
        await archive.make(tmp_path / "log")
        assert not archive.file.exists(), "whoever starts while it is being made goes without"
    await archive.make(tmp_path / "log")
    assert archive.options(tmp_path) == [f"-XX:SharedArchiveFile={archive.file}"]
    assert starts(archive, "-Xshare:on")
    assert not archive.listing.exists()
    archive.learn(tmp_path / "classes")
    assert not archive.listing.exists(), "no other is to be made"


async def test_an_archive_that_java_cannot_use_is_gone_without(archive: ClassArchive) -> None:
    whole = archive.file.read_bytes()
    for harmed in (whole[: len(whole) // 2], b"", b"\0" * len(whole)):
        archive.file.unlink()
        archive.file.write_bytes(harmed)
        assert not starts(archive, "-Xshare:on") and starts(archive)


async def test_what_cannot_be_made_is_not_tried_at_each_start(archive: ClassArchive, tmp_path: Path) -> None:
    unable = replace(archive, java=Path("/bin/false"), file=tmp_path / "unable.jsa")
    unable.listing.write_text("java/lang/Object\n")
    await unable.make(tmp_path / "log")
    assert not unable.file.exists() and not unable.listing.exists()
    nowhere = replace(archive, file=Path("/proc/nope/there.jsa"))
    listing = tmp_path / "classes"
    listing.write_text("java/lang/Object\n")
    nowhere.learn(listing)
    await nowhere.make(tmp_path / "log")


def test_other_jars_and_another_java_have_an_archive_of_their_own(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"alpha")
    before = ClassArchive.of(Path("/bin/false"), tmp_path)
    assert ClassArchive.of(Path("/bin/true"), tmp_path).file != before.file
    jar.write_bytes(b"beta")
    assert ClassArchive.of(Path("/bin/false"), tmp_path).file != before.file
    assert before.options(tmp_path / "x") == [f"-XX:DumpLoadedClassList={tmp_path / 'x'}"]
