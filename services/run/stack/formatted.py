"""A broker's empty folder as Kafka's tool formats it, kept beside the jars and copied for each further broker: the tool
is a Java of its own, a third of what a broker's start takes, and writes the same each time but for two ids.

What is kept appears whole, by rename, and is gone without where it cannot be written.
"""

import base64
import re
import shutil
import tempfile
import uuid
from pathlib import Path

import structlog

#: Of a formatted folder: which cluster it is part of and which folder it is. Whoever finds it takes it for formatted.
META = "meta.properties"
_log = structlog.get_logger(__name__)


def new_id() -> str:
    """A random id as Kafka writes it: 16 bytes in 22 letters. No `-`, which its tool would take for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def keep_formatted(data: Path, kept: Path) -> None:
    """What the tool has just made; the first one stays."""
    try:
        draft = Path(tempfile.mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
        try:
            shutil.copytree(data, draft, dirs_exist_ok=True)
            draft.rename(kept)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not kept.exists():  # nobody else has kept one meanwhile
            _log.warning("kafka_format_not_kept", error=str(error))


def copy_formatted(kept: Path, data: Path) -> None:
    """Makes the folder one that is formatted, with ids of its own; `META` comes last, and whole."""
    data.mkdir(parents=True, exist_ok=True)
    for file in kept.iterdir():
        if file.name != META:
            shutil.copyfile(file, data / file.name)
    draft = data / f"{META}.draft"
    draft.write_text(re.sub(r"^(cluster|directory)\.id=.*$", _another, (kept / META).read_text(), flags=re.MULTILINE))
    draft.rename(data / META)


def _another(line: re.Match[str]) -> str:
    return f"{line[1]}.id={new_id()}"
