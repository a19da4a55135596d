"""Accounts' keys in Postgres: one of an account at a time, made when something of it is first sealed.

That the key goes out of its row is the forgetting. Nothing else has it: processes ask for it whenever they open
something, and who seals drops what it remembers when the log says that the account was forgotten.
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
#: Of two who make one at the same time the second waits for what becomes of the first's.
_MAKE = """
INSERT INTO store.personal_keys (organization, account, key_id, key, wrapped_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization, account) WHERE key IS NOT NULL DO NOTHING
"""
_CALLED = "SELECT key_id, key, wrapped_by FROM store.personal_keys WHERE organization = $1 AND key_id = ANY ($2)"
#: A key that is not there, because the database was lost, is destroyed all the same.
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
#: One for each of the operator's keys that any is encrypted with.
_BY_EACH = """
SELECT DISTINCT ON (wrapped_by) organization, key_id, key, wrapped_by FROM store.personal_keys WHERE key IS NOT NULL
"""
#: Who seals for these accounts of an organization, by id: `sealers_of`, or for who changes nothing `sealers_to_try`.
SealersOf = Callable[[Any, str, Iterable[str], Keyring], Awaitable[dict[str, Sealer]]]
#: Keys that are looked at in one transaction.
_PAGE = 1_000


def new_key() -> tuple[str, bytes]:
    """The id and the bytes of a new key."""
    return token_urlsafe(ID_BYTES), token_bytes(KEY_BYTES)


async def sealers_of(
    connection: Any, organization: str, accounts: Iterable[str], keyring: Keyring
) -> dict[str, Sealer]:
    """Who seals for each of these accounts, by id; keys that are not there are made, one by one, so that nobody waits
    for one while another waits for him.

    Of two who make one at the same time, both get the same. Raises: NoPersonalKeyError, WrongPersonalKeyError.
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
    """The same for who changes nothing: a key that is not there is made for him alone, and not kept."""
    wanted = set(accounts)
    known = await _read(connection, organization, sorted(wanted), keyring)
    return known | {account: Sealer(*new_key()) for account in wanted - known.keys()}


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
    wrapped = Wrapped(row["key"], row["wrapped_by"])
    return Sealer(row["key_id"], keyring.unwrapped(organization, row["key_id"], wrapped))


async def key_ids(connection: Any, organization: str, account: str) -> tuple[str, ...]:
    """The ids of the account's keys: of the one that is good, or none."""
    return tuple(row["key_id"] for row in await connection.fetch(_OF_ACCOUNTS, organization, [account]))


async def known_ids(connection: Any, organization: str, key_ids: Iterable[str]) -> set[str]:
    """Those of these keys that there are or were, destroyed ones among them; the others are lost."""
    return {row["key_id"] for row in await connection.fetch(_CALLED, organization, sorted(key_ids))}


async def keys_to_destroy(connection: Any, organization: str, account: str) -> tuple[str, ...]:
    """The ids of the account's good keys, in the transaction that is to destroy them.

    An account without one is given one that nobody can use: whoever is about to make a key for it waits until the
    transaction has ended, and what was sealed before that is sealed with a key that is told here.
    """
    await connection.execute(_MAKE, organization, account, token_urlsafe(ID_BYTES), b"", "")
    return await key_ids(connection, organization, account)


async def destroy(connection: Any, organization: str, account: str, key_ids: Sequence[str]) -> None:
    """These keys of the account are gone with the transaction's commit."""
    await connection.execute(_DESTROY, organization, account, list(key_ids))


async def rewrap(connection: Any, keyring: Keyring) -> int:
    """Encrypt all keys of the database with the operator's first key; returns how many were encrypted with another.

    Raises: NoPersonalKeyError, WrongPersonalKeyError; those before it are done then, and a second run does no harm.
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
    """Whoever has no key, or not all, is told so before anybody asks; whether any account has a key.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    rows = await connection.fetch(_BY_EACH)
    for row in rows:
        keyring.unwrapped(row["organization"], row["key_id"], Wrapped(row["key"], row["wrapped_by"]))
    return bool(rows)
