"""A file that is written whole: what stands there before, meanwhile, and when it cannot be written; and what a command
says then."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from services.run import cli
from services.whole_file import write_whole


def test_it_takes_the_place_of_what_was_there_with_the_rights_that_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    write_whole(file, "new ✓", 0o600, durable=True)
    assert file.read_text(encoding="utf-8") == "new ✓" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new", durable=durable)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_link_goes_on_leading_to_it(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    write_whole(link, "new")
    assert link.is_symlink() and file.read_text() == "new"


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "new")
        assert os.read(reading, 10) == b"new" and stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "trueup: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), "trueup: Permission denied: /there"),
    ],
)
def test_a_file_that_cannot_be_used_ends_a_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    monkeypatch.setattr(cli, "trueup", raising(error))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == said


def test_what_no_file_explains_is_a_bug_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "trueup", raising(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")))
    with pytest.raises(ConnectionResetError):
        cli.main()


def raising(error: Exception) -> Callable[..., None]:
    def fail(**_: object) -> None:
        raise error

    return fail
