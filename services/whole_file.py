"""Small files that appear whole or not at all, so that nobody reads the part that a kill or a full disk left."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(file: Path, text: str, mode: int = 0o666, *, durable: bool = False) -> None:
    """Write a file in UTF-8. Until the new content is complete, the old content stays; what is no regular file, such as
    a pipe, is written to as it is.

    `mode`: the rights of the new file, less the umask. `durable`: once this returns, a power cut does not lose it.
    Raises: OSError; then nothing of the attempt is left.
    """
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
        return
    file = file.resolve()  # the file that a link leads to is replaced, not the link
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")  # two processes may write the same file
    try:
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as opened:
            opened.write(text)
            if durable:
                opened.flush()
                os.fsync(opened.fileno())
        draft.rename(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(file.parent)


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
