"""Two things that are prepared once so that later brokers start sooner: an archive of Kafka's classes, which Java maps
into memory, one for each Java and set of jars; and an empty folder that Kafka's tool has formatted, to be copied.

Reading, checking and linking thousands of classes takes two fifths of a broker's start; the tool, which is another Java
process, takes a third.
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

#: File in a formatted folder with the ids of cluster and folder. Kafka takes a folder with this file as formatted.
META = "meta.properties"
MAKE_SECONDS = 120.0
#: How many archives (63 MB each) are kept beside the jars: one for each Java that is used in turns.
KEPT = 2
_log = structlog.get_logger(__name__)


def new_id() -> str:
    """A random id as Kafka writes it: 16 bytes in 22 letters, without `-`, which its tool would take for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def keep_formatted(data: Path, formatted: Path) -> None:
    """Keep a copy of a folder that was just formatted, unless one is kept already. A failure is only logged."""
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
    """Make `data` a copy of a formatted folder, with new ids. `META` is written last, by a rename, so that a kill never
    leaves a folder that only looks formatted.
    """
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
    """The archive of the classes in some jars, for one Java; `file` may not exist yet. Java uses an archive only if
    path, size and time of every jar are those it was made with.
    """

    java: Path
    jars: tuple[Path, ...]
    file: Path

    @classmethod
    def of(cls, java: Path, folder: Path) -> "ClassArchive":
        """The archive for this Java and the jars in a folder, in which it is kept."""
        jars = tuple(sorted(folder.glob("*.jar")))
        jar_states = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
        digest = hashlib.sha256(repr((str(java), said_of_itself(java), jar_states)).encode()).hexdigest()
        return cls(java, jars, folder / f"{digest[:12]}.jsa")

    @property
    def class_path(self) -> list[str]:
        """The options that give Java all of the jars as its class path."""
        return ["-cp", ":".join(map(str, self.jars))]

    @property
    def listing(self) -> Path:
        """The file that lists the classes that a broker has loaded."""
        return self.file.with_suffix(".classes")

    def options(self, listing: Path) -> list[str]:
        """Options for a Java: to use the archive or, if there is none, to write into `listing` what it should hold."""
        return [f"-XX:SharedArchiveFile={self.file}" if self.file.exists() else f"-XX:DumpLoadedClassList={listing}"]

    def learn(self, listing: Path) -> None:
        """Keep the list of classes of a broker that has ended, for `make`."""
        if listing.exists() and not self.file.exists():
            with self._unless_impossible():
                draft = self.listing.with_suffix(".draft")
                shutil.copyfile(listing, draft)
                draft.rename(self.listing)

    async def make(self, log: Path) -> None:
        """Make the archive if there is none, a list of classes is there, and no other process is making it.

        `log`: where the output of Java goes. A failure is only logged.
        """
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
            self.listing.unlink()  # so that a list from which no archive can be made is not tried at each start
        draft.rename(self.file)
        for old in sorted(self.file.parent.glob("*.jsa"), key=lambda archive: archive.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)  # a process that has mapped it goes on using it

    @contextlib.contextmanager
    def _unless_impossible(self) -> Iterator[None]:
        """Only log failures, such as a full disk or a Java that makes no archives: brokers run without an archive."""
        try:
            yield
        except (OSError, StackError) as error:
            _log.warning("kafka_classes_not_archived", error=str(error))
