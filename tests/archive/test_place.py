"""What a place promises of its files: whole or not at all, and there to stay before anything else is done."""

import errno
import os
from pathlib import Path

import pytest

from services.archive.defects import PlaceAwayError
from services.archive.place import FilePlace


def test_a_name_is_there_to_stay_before_anything_else_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file, the move, fsync of its folder: then what it replaces may go. So do the folders above."""
    place, done = FilePlace(str(tmp_path / "kept")), list[str]()
    move, sync = place._fs.mv, os.fsync

    def moved(source: str, target: str) -> None:
        move(source, target)
        done.append(f"moved to {Path(target).name}")

    def synced(descriptor: int) -> None:
        sync(descriptor)
        it = os.fstat(descriptor)
        [path] = [path for path in (tmp_path, *tmp_path.rglob("*")) if os.path.samestat(path.stat(), it)]
        done.append(path.name.split(".")[0] if path.is_dir() else "file")

    monkeypatch.setattr(place._fs, "mv", moved)
    monkeypatch.setattr(os, "fsync", synced)
    place.write("topic/0/name", b"content")
    assert done == [tmp_path.name, "kept", "topic", "file", "moved to name", "0"]
    del done[:]
    place.write("topic/0/name", b"other content")
    assert done == ["file", "moved to name", "0"]


def test_a_disk_that_is_full_at_the_very_end_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = FilePlace(str(tmp_path))
    place.write("name", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlaceAwayError, match=r"could not be written: OSError: .* No space left on device"):
        place.write("name", b"new")
    assert place.names("") == ["name"] and place.read("name") == b"old"
