"""What is prepared once, so that a broker starts sooner: Kafka's classes as Java maps them into memory, by Java and set
of jars, and its empty folder as Kafka's own tool formats it, which each further broker gets a copy of.

To read, check and link thousands of classes anew is two fifths of what a broker's start takes; the tool, a Java of its
own, is a third.
"""

import base64
import contextlib
import hashlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.run.stack.child import Command, run_to_end
from services.run.stack.faults import StackError
from services.run.stack.jars import said_of_itself
from services.run.stack.locks import FileLock

#: Of a formatted folder: which cluster it is part of and which folder it is. Whoever finds it takes it for formatted.
META = "meta.properties"
MAKE_SECONDS = 120.0
#: Archives (63 MB each) that are kept beside the jars: nobody starts brokers with more Javas than these in turns.
KEPT = 2
_log = structlog.get_logger(__name__)


def new_id() -> str:
    """A random id as Kafka writes it: 16 bytes in 22 letters. No `-`, which its tool would take for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def keep_formatted(data: Path, formatted: Path) -> None:
    """What the tool has just made; the first one stays."""
    try:
        draft = Path(tempfile.mkdtemp(prefix=f"{formatted.name}-", dir=formatted.parent))
        try:
            shutil.copytree(data, draft, dirs_exist_ok=True)
            draft.rename(formatted)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not formatted.exists():  # nobody else has kept one meanwhile
            _log.warning("kafka_format_not_kept", error=str(error))


def copy_formatted(formatted: Path, data: Path) -> None:
    """Makes the folder one that is formatted, with ids of its own; `META` comes last, and whole."""
    data.mkdir(parents=True, exist_ok=True)
    for file in formatted.iterdir():
        if file.name != META:
            shutil.copyfile(file, data / file.name)
    draft = data / f"{META}.draft"
    draft.write_text(
        re.sub(r"^(cluster|directory)\.id=.*$", _another, (formatted / META).read_text(), flags=re.MULTILINE)
    )
    draft.rename(data / META)


def _another(line: re.Match[str]) -> str:
    return f"{line[1]}.id={new_id()}"


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """What one Java maps of some jars, whether it is there or not. Java tells jars apart by path, size and time."""

    java: Path
    jars: tuple[Path, ...]
    file: Path

    @classmethod
    def of(cls, java: Path, folder: Path) -> "ClassArchive":
        jars = tuple(sorted(folder.glob("*.jar")))
        jar_states = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
        digest = hashlib.sha256(repr((str(java), said_of_itself(java), jar_states)).encode()).hexdigest()
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
        for old in sorted(self.file.parent.glob("*.jsa"), key=lambda archive: archive.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)  # whoever has mapped it keeps it

    @contextlib.contextmanager
    def _unless_impossible(self) -> Iterator[None]:
        """A cache that cannot be written, a full disk, a Java that makes none: brokers run without."""
        try:
            yield
        except (OSError, StackError) as error:
            _log.warning("kafka_classes_not_archived", error=str(error))
