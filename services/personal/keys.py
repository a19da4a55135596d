"""Accounts' keys in Postgres: one valid key per account, made when a text of the account is first sealed.

Deleting the key from its row is the forgetting. Nothing else stores it: processes ask for the key whenever they open a
text, and drop cached keys for sealing when the log says that the account was forgotten.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from secrets import token_bytes, token_urlsafe
from typing import Any

from services.personal.keyring import Keyring, Wrapped
from services.personal.sealed import ID_BYTES, KEY_BYTES, Sealer

_OF_ACCOUNTS = """
SELECT account, key_id, key, wrapped_by FROM store.personal_keys
WHERE organization = $1 AND account = ANY ($2) AND key IS NOT NULL
"""
#: If two processes make a key at once, the second waits for the outcome of the first.
_MAKE = """
INSERT INTO store.personal_keys (organization, account, key_id, key, wrapped_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization, account) WHERE key IS NOT NULL DO NOTHING
"""
_CALLED = "SELECT key_id, key, wrapped_by FROM store.personal_keys WHERE organization = $1 AND key_id = ANY ($2)"
#: A key that is missing, because the database was lost, is marked as destroyed as well.
_DESTROY = """
INSERT INTO store.personal_keys AS held (organization, account, key_id, key, wrapped_by)
SELECT $1, $2, key_id, NULL, '' FROM unnest($3::text[]) AS key_id
ON CONFLICT (organization, key_id) DO UPDATE SET key = NULL
"""
_OTHERS = """
SELECT organization, key_id, key, wrapped_by FROM store.personal_keys
WHERE key IS NOT NULL AND wrapped_by <> $1 AND (organization, key_id) > ($2, $3) ORDER BY organization, key_id
"""
_REPLACE = """
UPDATE store.personal_keys SET key = $4, wrapped_by = $5 WHERE organization = $1 AND key_id = $2 AND key = $3
"""
#: One row for each of the operator's keys that encrypts any key.
_BY_EACH = """
SELECT DISTINCT ON (wrapped_by) organization, key_id, key, wrapped_by FROM store.personal_keys WHERE key IS NOT NULL
"""
#: Finds the sealers of these accounts of an organization, by id: `sealers_of`, or for dry runs `sealers_to_try`.
SealersOf = Callable[[Any, str, Iterable[str], Keyring], Awaitable[dict[str, Sealer]]]
#: Keys that are rewrapped in one transaction.
_PAGE = 1_000


def new_key() -> tuple[str, bytes]:
    """The id and the bytes of a new key."""
    return token_urlsafe(ID_BYTES), token_bytes(KEY_BYTES)


async def sealers_of(
    connection: Any, organization: str, accounts: Iterable[str], keyring: Keyring
) -> dict[str, Sealer]:
    """The sealer of each of these accounts, by id. Missing keys are created one by one, so that callers never wait for
    each other in a circle.

    Concurrent callers get the same key. Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    wanted = sorted(set(accounts))
    known = await _read(connection, organization, wanted, keyring)
    while missing := [account for account in wanted if account not in known]:
        for account in missing:
            key_id, key = new_key()
            await connection.execute(_MAKE, organization, account, key_id, *keyring.wrapped(organization, key))
        known |= await _read(connection, organization, missing, keyring)
    return known


async def sealers_to_try(
    connection: Any, organization: str, accounts: Iterable[str], keyring: Keyring
) -> dict[str, Sealer]:
    """The sealers for a dry run: a missing key is made for this caller only, and not stored."""
    wanted = set(accounts)
    known = await _read(connection, organization, sorted(wanted), keyring)
    return known | {account: Sealer(*new_key()) for account in wanted - known.keys()}


async def _read(connection: Any, organization: str, accounts: Sequence[str], keyring: Keyring) -> dict[str, Sealer]:
    rows = await connection.fetch(_OF_ACCOUNTS, organization, accounts)
    return {row["account"]: _sealer(organization, row, keyring) for row in rows}


async def sealers_called(
    connection: Any, organization: str, key_ids: Iterable[str], keyring: Keyring
) -> dict[str, Sealer | None]:
    """The openers for texts sealed with these keys, by id: None for a destroyed key; no entry for an unknown one.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    rows = await connection.fetch(_CALLED, organization, sorted(key_ids))
    return {row["key_id"]: None if row["key"] is None else _sealer(organization, row, keyring) for row in rows}


def _sealer(organization: str, row: Mapping[str, Any], keyring: Keyring) -> Sealer:
    wrapped = Wrapped(row["key"], row["wrapped_by"])
    return Sealer(row["key_id"], keyring.unwrapped(organization, row["key_id"], wrapped))


async def key_ids(connection: Any, organization: str, account: str) -> tuple[str, ...]:
    """The ids of the account's valid keys: one or none."""
    return tuple(row["key_id"] for row in await connection.fetch(_OF_ACCOUNTS, organization, [account]))


async def known_ids(connection: Any, organization: str, key_ids: Iterable[str]) -> set[str]:
    """Those of these keys that exist or are destroyed; the others are lost."""
    return {row["key_id"] for row in await connection.fetch(_CALLED, organization, sorted(key_ids))}


async def keys_to_destroy(connection: Any, organization: str, account: str) -> tuple[str, ...]:
    """The ids of the account's valid keys, in the transaction that will destroy them.

    An account without a key gets an unusable one: a concurrent process that is making a key waits until the transaction
    has ended, so everything sealed before was sealed with a key in this list.
    """
    await connection.execute(_MAKE, organization, account, token_urlsafe(ID_BYTES), b"", "")
    return await key_ids(connection, organization, account)


async def destroy(connection: Any, organization: str, account: str, key_ids: Sequence[str]) -> None:
    """Destroy these keys of the account with the transaction's commit."""
    await connection.execute(_DESTROY, organization, account, list(key_ids))


async def rewrap(connection: Any, keyring: Keyring) -> int:
    """Encrypt all keys of the database with the operator's first key; returns how many used another one.

    Raises: NoPersonalKeyError, WrongPersonalKeyError; keys before the failing one are done, and a second run does no
    harm.
    """
    done, last = 0, ("", "")
    while rows := await connection.fetch(f"{_OTHERS} LIMIT {_PAGE}", keyring.first, *last):
        for row in rows:
            organization, key_id, key, wrapped_by = row
            rewrapped = keyring.rewrapped(organization, key_id, Wrapped(key, wrapped_by))
            await connection.execute(_REPLACE, organization, key_id, key, *rewrapped)
        done, last = done + len(rows), (organization, key_id)
    return done


async def check_opens(connection: Any, keyring: Keyring) -> bool:
    """Check at start that every needed operator's key is there; returns whether any account has a key.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    rows = await connection.fetch(_BY_EACH)
    for row in rows:
        keyring.unwrapped(row["organization"], row["key_id"], Wrapped(row["key"], row["wrapped_by"]))
    return bool(rows)
