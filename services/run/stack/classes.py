"""Kafka's classes as Java maps them into memory, made once per Java and set of jars: to read, check and link thousands
of them anew is two fifths of what a broker's start takes.

The first broker lists the classes that it loads. A later start makes the archive of them, beside the jars, before it
goes on; whoever starts meanwhile goes without. It appears whole, by rename. A Java that finds an archive it cannot use,
such as one that was cut short, goes without it, too.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.run.stack.child import Command, run_to_end
from services.run.stack.errors import StackError
from services.run.stack.jars import said_of_itself
from services.run.stack.locks import FileLock

MAKE_SECONDS = 120.0
#: Archives (63 MB each) that are kept beside the jars: nobody starts brokers with more Javas than these in turns.
KEPT = 2
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """What one Java maps of some jars, whether it is there or not. Java tells jars apart by path, size and time."""

    java: Path
    jars: tuple[Path, ...]
    file: Path

    @classmethod
    def of(cls, java: Path, folder: Path) -> "ClassArchive":
        jars = tuple(sorted(folder.glob("*.jar")))
        seen = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
        digest = hashlib.sha256(repr((str(java), said_of_itself(java), seen)).encode()).hexdigest()
        return cls(java, jars, folder / f"{digest[:12]}.jsa")

    @property
    def class_path(self) -> list[str]:
        return ["-cp", ":".join(map(str, self.jars))]

    @property
    def listing(self) -> Path:
        """The classes that a broker has loaded."""
        return self.file.with_suffix(".classes")

    def options(self, listing: Path) -> list[str]:
        """For a Java that uses the archive or, if there is none, lists what it would hold."""
        return [f"-XX:SharedArchiveFile={self.file}" if self.file.exists() else f"-XX:DumpLoadedClassList={listing}"]

    def learn(self, listing: Path) -> None:
        """What a broker listed that has ended."""
        if listing.exists() and not self.file.exists():
            with self._unless_impossible():
                draft = self.listing.with_suffix(".draft")
                shutil.copyfile(listing, draft)
                draft.rename(self.listing)

    async def make(self, log: Path) -> None:
        """If it is not there, a listing is, and nobody else is about it."""
        if self.file.exists() or not self.listing.exists():
            return
        with self._unless_impossible(), contextlib.closing(FileLock(self.file.with_name("classes.lock"))) as lock:
            if lock.try_acquire() and not self.file.exists():
                await self._make(log)

    async def _make(self, log: Path) -> None:
        _log.info("kafka_classes_archiving", megabytes=63, into=str(self.file))
        draft = self.file.with_suffix(".jsa.draft")
        argv = [str(self.java), "-Xshare:dump", f"-XX:SharedClassListFile={self.listing}"]
        argv += [f"-XX:SharedArchiveFile={draft}", *self.class_path]
        try:
            await run_to_end(Command("the archive of Kafka's classes", argv, None, log), MAKE_SECONDS)
        finally:
            self.listing.unlink()  # one of which no archive comes is not tried at each start
        draft.rename(self.file)
        for old in sorted(self.file.parent.glob("*.jsa"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)  # whoever has mapped it keeps it

    @contextlib.contextmanager
    def _unless_impossible(self) -> Iterator[None]:
        """A cache that cannot be written, a full disk, a Java that makes none: brokers run without."""
        try:
            yield
        except (OSError, StackError) as error:
            _log.warning("kafka_classes_not_archived", error=str(error))
