"""A right secret is hashed once, however often a client signs in; a wrong one each time, and somebody is told."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.access import signing_in
from services.access.denials import WrongCredentialsError
from services.access.gate import Gate
from services.access.keys import AccessKey, HashedKey, hash_of, is_secret_of
from services.access.scopes import ALL
from services.access.signing_in import SignIn

SECRET = "the secret of a process, at least thirty-two bytes"


class Database:
    """One key, and what was asked."""

    def __init__(self) -> None:
        self.secret, self.revoked, self.asked = "right", list[str](), 0

    async def fetch(self, *_: Any) -> list[dict[str, str]]:
        return [{"access_key_id": id} for id in self.revoked]

    async def find(self, id: str) -> HashedKey | None:
        self.asked += 1
        if id != "key" or self.revoked:
            return None
        key = AccessKey("key", "acme", None, ALL, datetime.now(UTC), None, None)
        return HashedKey(key, HASHES.setdefault(self.secret, hash_of(self.secret)))


HASHES: dict[str, str] = {}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def gate(database: Database) -> Gate:
    found = Gate("postgresql://nobody@127.0.0.1:1/none", SECRET)
    await found.look(database)
    return found


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that were hashed."""
    found: list[str] = []

    def comparing(hashed: str | None, secret: str) -> bool:
        found.append(secret)
        return is_secret_of(hashed, secret)

    monkeypatch.setattr(signing_in, "is_secret_of", comparing)
    return found


async def test_while_a_key_is_trusted_nobody_is_asked(gate: Gate, database: Database) -> None:
    sign_in = SignIn(gate, database.find)
    tokens = {(await sign_in.token_for("key", "right")).token for _ in range(5)}
    assert (len(tokens), database.asked) == (1, 1)
    assert gate.bearer_of(f"Bearer {tokens.pop()}").organization == "acme"
    sign_in.close()


async def test_afterwards_the_database_is_asked_and_nothing_is_hashed(
    gate: Gate, database: Database, hashed: list[str]
) -> None:
    sign_in = SignIn(gate, database.find, trust_seconds=0)
    for _ in range(5):
        await sign_in.token_for("key", "right")
    assert (database.asked, hashed.count("right")) == (5, 1)
    database.secret = "another"
    with pytest.raises(WrongCredentialsError):
        await sign_in.token_for("key", "right")
    assert (await sign_in.token_for("key", "another")).seconds == 18_000
    sign_in.close()


async def test_a_revoked_key_is_not_trusted_once_it_is_known(gate: Gate, database: Database) -> None:
    sign_in = SignIn(gate, database.find)
    await sign_in.token_for("key", "right")
    database.revoked.append("key")
    await sign_in.token_for("key", "right")
    await gate.look(database)
    with pytest.raises(WrongCredentialsError):
        await sign_in.token_for("key", "right")
    sign_in.close()


async def test_whoever_slows_strangers_down_is_told_of_each_and_decides(gate: Gate, database: Database) -> None:
    told: list[str] = []

    class TooManyError(Exception):
        pass

    def failed(id: str) -> None:
        told.append(id)
        if len(told) > 2:
            raise TooManyError

    sign_in = SignIn(gate, database.find, failed)
    await sign_in.token_for("key", "right")
    for id in ("key", "nobody"):
        with pytest.raises(WrongCredentialsError):
            await sign_in.token_for(id, "wrong")
    with pytest.raises(TooManyError):
        await sign_in.token_for("key", "wrong")
    await sign_in.token_for("key", "right")  # which is never slowed down
    assert told == ["key", "nobody", "key"]
    sign_in.close()


@pytest.mark.parametrize("many", [lambda number: ("key", f"wrong-{number}"), lambda number: (f"no-{number}", "wrong")])
async def test_wrong_ones_take_no_memory(
    gate: Gate, database: Database, many: Callable[[int], tuple[str, str]]
) -> None:
    sign_in = SignIn(gate, database.find)
    for number in range(10):
        with pytest.raises(WrongCredentialsError):
            await sign_in.token_for(*many(number))
    assert not sign_in._right
    sign_in.close()


async def test_what_could_be_no_keys_id_is_told_without_its_length(gate: Gate, database: Database) -> None:
    told: list[str] = []
    sign_in = SignIn(gate, database.find, told.append)
    for id in ("a" * 40_000, "a\0"):
        with pytest.raises(WrongCredentialsError):
            await sign_in.token_for(id, "wrong")
    assert (told, database.asked) == (["", ""], 0)
    sign_in.close()


async def test_a_new_secret_of_the_process_makes_new_tokens(gate: Gate, database: Database) -> None:
    sign_in = SignIn(gate, database.find)
    before = (await sign_in.token_for("key", "right")).token
    gate._given = SECRET[::-1]
    await gate.look(database)
    after = (await sign_in.token_for("key", "right")).token
    assert gate.bearer_of(f"Bearer {after}").access_key_id == "key" and after != before
    sign_in.close()
