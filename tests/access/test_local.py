"""The keys of one machine: who reads them, what tools take, and which addresses need none."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from services.access.client import SignedIn
from services.access.keys import hash_of, is_secret_of, new_secret
from services.access.local import (
    FILE,
    KeysFileError,
    LocalKey,
    LocalKeys,
    NoCredentialsError,
    _write,
    check_host,
    credentials,
    is_loopback,
    read_local_keys,
    told,
)
from services.run.settings import SettingsError, load_settings

KEY = LocalKey("local", "id", "secret-of-the-key")
OPERATOR = LocalKey("*", "operator", "secret-of-the-operator")


@pytest.fixture
def kept(tmp_path: Path) -> LocalKeys:
    keys = LocalKeys(KEY, OPERATOR, tmp_path / "home" / FILE, are_new=True)
    _write(keys)
    return keys


def test_the_file_is_for_its_owners_eyes(kept: LocalKeys) -> None:
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    _write(kept)  # and so is one that takes its place
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    local_keys = read_local_keys(kept.file.parent)
    assert local_keys == LocalKeys(KEY, OPERATOR, kept.file)


def test_a_damaged_file_is_named(kept: LocalKeys) -> None:
    for text in ("", "[]", "{}", '{"key": {}, "operator": {}}'):
        kept.file.write_text(text)
        with pytest.raises(KeysFileError, match=f"{FILE}, is damaged"):
            read_local_keys(kept.file.parent)


def test_tools_take_the_environments_key_before_the_homes(kept: LocalKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    home = kept.file.parent
    assert credentials(load_settings(home=home)) == OPERATOR
    monkeypatch.setenv("TRUEUP_API_KEY", "given")
    assert credentials(load_settings(home=home)) == OPERATOR  # a key without a secret is none
    monkeypatch.setenv("TRUEUP_API_SECRET", "secret")
    credentials_found = credentials(load_settings(home=home))
    assert (credentials_found.access_key_id, credentials_found.api_secret) == ("given", "secret")


def test_without_a_key_tools_say_where_they_looked(tmp_path: Path) -> None:
    with pytest.raises(NoCredentialsError, match=f"set TRUEUP_API_KEY and TRUEUP_API_SECRET.*{FILE} is not there"):
        credentials(load_settings(home=tmp_path))


def test_the_first_start_tells_the_key_and_later_ones_where_it_is(kept: LocalKeys) -> None:
    first = told(kept, "http://127.0.0.1:8000")
    assert "organization local, access key id id, API secret secret-of-the-key" in first
    assert OPERATOR.api_secret not in first
    later = told(read_local_keys(kept.file.parent), "http://127.0.0.1:8000")
    assert later == f"keys      {kept.file}\n"
    assert told(None, "http://0.0.0.0:8000") == ""


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("billing.example.com", False),
    ],
)
async def test_anything_but_loopback_needs_a_key(host: str, is_ours: bool) -> None:
    class Empty:
        async def fetchval(self, *_: Any) -> bool:
            return False

    assert is_loopback(host) is is_ours
    if is_ours:
        await check_host(Empty(), host)
    else:
        with pytest.raises(Exception, match=f"would listen on {host}.*no access key yet.*trueup keys create"):
            await check_host(Empty(), host)


def test_a_secret_is_long_random_and_kept_as_argon2() -> None:
    first, second = new_secret(), new_secret()
    assert first != second and len(first) == 43
    hashed = hash_of(first)
    assert hashed.startswith("$argon2id$") and first not in hashed and hashed != hash_of(first)
    assert is_secret_of(hashed, first) and not is_secret_of(hashed, second) and not is_secret_of(None, first)


def test_secrets_of_settings_are_long_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_TOKEN_SECRET", "hunter2hunter2")
    with pytest.raises(SettingsError, match=r"^TRUEUP_TOKEN_SECRET must have at least 32 bytes$"):
        load_settings()
    monkeypatch.setenv("TRUEUP_TOKEN_SECRET", "hunter2" * 5)
    monkeypatch.setenv("TRUEUP_API_SECRET", "hunter3")
    assert "hunter" not in repr(load_settings())


def test_the_file_has_the_names_of_trueup_keys(kept: LocalKeys) -> None:
    document = json.loads(kept.file.read_text())
    assert document["key"] == {"organizationId": "local", "accessKeyId": "id", "apiSecret": "secret-of-the-key"}
    assert SignedIn(KEY)._credentials.startswith("Basic ")
