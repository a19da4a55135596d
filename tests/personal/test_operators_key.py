"""Where a process has the operator's key from."""

import errno
import os
from pathlib import Path

import pytest

from services.erasure.operators_key import KeyFileError, ensure_home_key, keyring_of, new_line
from services.personal.keyring import NoPersonalKeyError
from services.run.settings import Settings, SettingsError, load_settings

GIVEN = "the key of an operator, which is long enough"


def at(home: Path, **more: str) -> Settings:
    return load_settings(home=home, **more)


def test_a_database_in_the_home_has_its_key_beside_it_made_once_and_read_by_nobody_else(tmp_path: Path) -> None:
    settings, file = at(tmp_path / "home"), tmp_path / "home" / "personal.key"
    assert not keyring_of(settings).is_there
    ensure_home_key(settings)
    made = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600 and len(made.strip()) >= 32
    wrapped = keyring_of(settings).wrapped("acme", b"key")
    ensure_home_key(settings)
    assert file.read_text() == made and keyring_of(settings).unwrapped("acme", "id", wrapped) == b"key"


@pytest.mark.parametrize("more", [{"personal_key": GIVEN}, {"database_url": "postgresql://there/trueup"}])
def test_a_key_or_a_database_that_is_given_makes_none(tmp_path: Path, more: dict[str, str]) -> None:
    ensure_home_key(at(tmp_path, **more))
    assert list(tmp_path.iterdir()) == []
    assert keyring_of(at(tmp_path, **more)).is_there == ("personal_key" in more)


def test_a_key_that_is_given_goes_before_the_homes(tmp_path: Path) -> None:
    ensure_home_key(at(tmp_path))
    wrapped = keyring_of(at(tmp_path, personal_key=GIVEN)).wrapped("acme", b"key")
    file = tmp_path / "given"
    file.write_text(f"{new_line()}\n{GIVEN}\n")
    by_file = at(tmp_path, personal_key_file=str(file))
    assert keyring_of(by_file).unwrapped("acme", "id", wrapped) == b"key"


def test_a_file_that_cannot_be_read_is_named_and_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "personal.key").mkdir()
    with pytest.raises(KeyFileError, match=r"personal\.key, cannot be read: .*directory"):
        keyring_of(at(tmp_path))
    with pytest.raises(SettingsError, match=r"TRUEUP_PERSONAL_KEY_FILE names .*/nowhere"):
        at(tmp_path, personal_key_file=str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="at least 32 bytes in each line"):
        at(tmp_path, personal_key=f"{GIVEN}\nshort")


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "personal.key").write_text("\n")
    with pytest.raises(NoPersonalKeyError):
        keyring_of(at(tmp_path)).wrapped("acme", b"key")


def test_what_a_kill_or_a_full_disk_left_of_it_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "personal.key").write_text("")  # as an earlier version has left it
    ensure_home_key(at(tmp_path))
    assert keyring_of(at(tmp_path)).is_there

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ensure_home_key(at(tmp_path / "other"))
    assert list((tmp_path / "other").iterdir()) == []
