"""Whoever reaches the embedded database's socket is its superuser: its folder is for one user alone."""

import os
import stat
from pathlib import Path

import pytest

from services.run.stack import StackError
from services.run.stack.postgres import make_private


def mode_of(folder: Path) -> int:
    return stat.S_IMODE(folder.lstat().st_mode)


def test_the_folder_of_the_socket_is_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    make_private(folder, None)
    assert mode_of(folder) == 0o700
    folder.chmod(0o777)
    make_private(folder, None)
    assert mode_of(folder) == 0o700, "also where it was there"


def test_what_somebody_else_put_there_beforehand_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere, link = tmp_path / "run", tmp_path / "elsewhere", tmp_path / "link"
    elsewhere.mkdir()
    link.symlink_to(elsewhere)
    with pytest.raises(StackError, match="somebody else's"):
        make_private(link, None)
    folder.mkdir(mode=0o777)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(StackError, match="choose a TRUEUP_HOME with a shorter path"):
        make_private(folder, None)
