"""Accounts' keys in Postgres: one of an account at a time, made when something of it is first sealed.

That the key goes out of its row is the forgetting. Nothing else has it: processes ask for it whenever they open
something, and who seals drops what it remembers when the log says that the account was forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from secrets import token_bytes, token_urlsafe
from typing import Any

from services.personal.keyring import Keyring
from services.personal.sealed import ID_BYTES, KEY_BYTES, Sealer

_OF_ACCOUNTS = """
SELECT account, key_id, key FROM store.personal_keys
WHERE organization = $1 AND account = ANY ($2) AND key IS NOT NULL
"""
_MAKE = """
INSERT INTO store.personal_keys (organization, account, key_id, key)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[])
ON CONFLICT (organization, account) WHERE key IS NOT NULL DO NOTHING
"""
_CALLED = "SELECT key_id, key FROM store.personal_keys WHERE organization = $1 AND key_id = ANY ($2)"
#: A key that is not there, because the database was lost, is destroyed all the same.
_DESTROY = """
INSERT INTO store.personal_keys AS held (organization, account, key_id, key)
SELECT $1, $2, key_id, NULL FROM unnest($3::text[]) AS key_id
ON CONFLICT (organization, key_id) DO UPDATE SET key = NULL
"""
_ALL = """
SELECT organization, key_id, key FROM store.personal_keys
WHERE key IS NOT NULL AND (organization, key_id) > ($1, $2) ORDER BY organization, key_id
"""
_REPLACE = "UPDATE store.personal_keys SET key = $4 WHERE organization = $1 AND key_id = $2 AND key = $3"
#: Keys that are looked at in one transaction.
_PAGE = 1_000


def new_key() -> tuple[str, bytes]:
    """The id and the bytes of a new key."""
    return token_urlsafe(ID_BYTES), token_bytes(KEY_BYTES)


async def sealers_of(
    connection: Any, organization: str, accounts: Iterable[str], keyring: Keyring
) -> dict[str, Sealer]:
    """Who seals for each of these accounts, by id; keys that are not there are made.

    Of two who make one at the same time, both get the same. Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    wanted = sorted(set(accounts))
    known = await _read(connection, organization, wanted, keyring)
    while missing := [account for account in wanted if account not in known]:
        made = [new_key() for _ in missing]
        wrapped = [keyring.wrapped(organization, key) for _, key in made]
        await connection.execute(_MAKE, organization, missing, [key_id for key_id, _ in made], wrapped)
        known |= await _read(connection, organization, missing, keyring)
    return known


async def _read(connection: Any, organization: str, accounts: Sequence[str], keyring: Keyring) -> dict[str, Sealer]:
    rows = await connection.fetch(_OF_ACCOUNTS, organization, accounts)
    return {row["account"]: _sealer(organization, row, keyring) for row in rows}


async def sealers_called(
    connection: Any, organization: str, key_ids: Iterable[str], keyring: Keyring
) -> dict[str, Sealer | None]:
    """Who opens what is sealed with these keys, by id: None for one that is destroyed; nobody for one that never was.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    rows = await connection.fetch(_CALLED, organization, sorted(key_ids))
    return {row["key_id"]: None if row["key"] is None else _sealer(organization, row, keyring) for row in rows}


def _sealer(organization: str, row: Mapping[str, Any], keyring: Keyring) -> Sealer:
    return Sealer(row["key_id"], keyring.unwrapped(organization, row["key_id"], row["key"]))


async def key_ids(connection: Any, organization: str, account: str) -> tuple[str, ...]:
    """The ids of the account's keys: of the one that is good, or none."""
    return tuple(row["key_id"] for row in await connection.fetch(_OF_ACCOUNTS, organization, [account]))


async def known_ids(connection: Any, organization: str, key_ids: Iterable[str]) -> set[str]:
    """Those of these keys that there are or were, destroyed ones among them; the others are lost."""
    return {row["key_id"] for row in await connection.fetch(_CALLED, organization, sorted(key_ids))}


async def destroy(connection: Any, organization: str, account: str, key_ids: Sequence[str]) -> None:
    """These keys of the account are gone with the transaction's commit."""
    await connection.execute(_DESTROY, organization, account, list(key_ids))


async def rewrap(connection: Any, keyring: Keyring) -> int:
    """Encrypt all keys of the database with the operator's first key; returns how many there are.

    Raises: NoPersonalKeyError, WrongPersonalKeyError; those before it are done then, and a second run does no harm.
    """
    done, last = 0, ("", "")
    while rows := await connection.fetch(f"{_ALL} LIMIT {_PAGE}", *last):
        for row in rows:
            organization, key_id, key = row
            await connection.execute(_REPLACE, organization, key_id, key, keyring.rewrapped(*row))
        done, last = done + len(rows), (organization, key_id)
    return done


async def check_opens(connection: Any, keyring: Keyring) -> bool:
    """Whoever has no key, or another one, is told so before anybody asks; whether any account has a key.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    row = await connection.fetchrow(f"{_ALL} LIMIT 1", "", "")
    if row is not None:
        keyring.unwrapped(*row)
    return row is not None
