"""Access keys: created, found, listed, rotated and revoked. Of an API secret only a hash is stored. Hashing takes a
millisecond of CPU time, so it is done off the event loop.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from services.access.scopes import Scope, scopes_of
from services.access.tokens import TOKEN_SECONDS
from services.failures import ExpectedFailure, Worded

_COLUMNS = "access_key_id, organization, label, scopes, created, revoked, replaced_by"
_INSERT = f"""
INSERT INTO store.access_keys (access_key_id, organization, label, secret_hash, scopes)
VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}
"""
_LIST = f"""
SELECT {_COLUMNS} FROM store.access_keys WHERE $1::text IS NULL OR organization = $1 ORDER BY created, access_key_id
"""
_FIND = f"""
SELECT {_COLUMNS}, secret_hash FROM store.access_keys
WHERE access_key_id = ANY ($1) AND (revoked IS NULL OR revoked > now())
"""
_LOCK = f"SELECT {_COLUMNS} FROM store.access_keys WHERE access_key_id = $1 FOR UPDATE"
_REVOKE = f"""
UPDATE store.access_keys SET revoked = least(revoked, now()) WHERE access_key_id = $1 RETURNING {_COLUMNS}
"""
_REPLACE = "UPDATE store.access_keys SET revoked = now() + $2, replaced_by = $3 WHERE access_key_id = $1"
_ANY = "SELECT EXISTS (SELECT FROM store.access_keys WHERE revoked IS NULL OR revoked > now())"
#: Every token of a key that was revoked before this interval has expired, even one from a host whose clock was days
#: ahead.
_REVOKED = "SELECT access_key_id FROM store.access_keys WHERE revoked <= now() AND revoked > now() - $1::interval"
_FOR_CERTAIN = timedelta(seconds=TOKEN_SECONDS, days=35)


class UnknownKeyError(Worded, ExpectedFailure):
    """there is no access key {id}; `trueup keys list` names those that there are"""


class ReplacedKeyError(Worded, ExpectedFailure):
    """access key {id} {what}; only one that is in use can be rotated"""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key without its secret."""

    id: str
    #: The organization that it is valid for, or tokens.EVERY.
    organization: str
    label: str | None
    scopes: frozenset[Scope]
    created: datetime
    #: From this time on it is refused; None: it is in use. The time of a rotated key may lie ahead.
    revoked: datetime | None
    replaced_by: str | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment at which its secret is known."""

    key: AccessKey
    secret: str


@dataclass(frozen=True, slots=True)
class HashedKey:
    """A valid key, with the hash of its secret."""

    key: AccessKey
    secret_hash: str


async def create_key(connection: Any, organization: str, scopes: frozenset[Scope], label: str | None = None) -> NewKey:
    """Create a key; the organization need not exist yet. Returns it with its secret."""
    secret = new_secret()
    names = [scope.value for scope in Scope if scope in scopes]
    row = await connection.fetchrow(_INSERT, str(uuid4()), organization, label, hash_of(secret), names)
    return NewKey(_key(row), secret)


async def list_keys(connection: Any, organization: str | None = None) -> list[AccessKey]:
    """All keys, or those of an organization, oldest first."""
    return [_key(row) for row in await connection.fetch(_LIST, organization)]


async def find_keys(connection: Any, ids: Collection[str]) -> dict[str, HashedKey]:
    """The valid keys among these ids, by id."""
    rows = await connection.fetch(_FIND, list(ids))
    return {row["access_key_id"]: HashedKey(_key(row), row["secret_hash"]) for row in rows}


async def revoke_key(connection: Any, id: str) -> AccessKey:
    """Revoke the key, from now on. Returns it. Raises: UnknownKeyError."""
    row = await connection.fetchrow(_REVOKE, id)
    if row is None:
        raise UnknownKeyError(id=id)
    return _key(row)


async def rotate_key(connection: Any, id: str, grace: timedelta) -> NewKey:
    """Create another key of the same organization, scopes and name; the old one ends after `grace`.

    Raises: UnknownKeyError; ReplacedKeyError if the key was rotated or revoked before.
    """
    async with connection.transaction():
        row = await connection.fetchrow(_LOCK, id)
        if row is None:
            raise UnknownKeyError(id=id)
        old = _key(row)
        if old.replaced_by is not None or old.revoked is not None:
            what = "was revoked" if old.replaced_by is None else f"was replaced by {old.replaced_by}"
            raise ReplacedKeyError(id=id, what=what)
        made = await create_key(connection, old.organization, old.scopes, old.label)
        await connection.execute(_REPLACE, id, grace, made.key.id)
    return made


async def is_any_key(connection: Any) -> bool:
    """Whether there is any valid key."""
    return bool(await connection.fetchval(_ANY))


async def revoked_keys(connection: Any) -> frozenset[str]:
    """The ids of revoked keys that may still have tokens."""
    return frozenset(row["access_key_id"] for row in await connection.fetch(_REVOKED, _FOR_CERTAIN))


def _key(row: Any) -> AccessKey:
    return AccessKey(
        row["access_key_id"],
        row["organization"],
        row["label"],
        scopes_of(row["scopes"]),
        row["created"],
        row["revoked"],
        row["replaced_by"],
    )


#: A secret is 32 random bytes, which nobody can guess, however fast the hash is. The costly settings of argon2 are
#: meant for passwords that people choose; here they would only let strangers keep this machine busy.
_HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
SECRET_BYTES = 32


def new_secret() -> str:
    """SECRET_BYTES random bytes, as text that is safe in URLs and headers."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """The argon2 hash of a secret, with its salt and parameters: all that is stored of it."""
    return _HASHER.hash(secret)


def is_secret_of(hashed: str | None, secret: str) -> bool:
    """Whether the secret has this hash. None stands for a missing key: the answer is False, and takes as long."""
    try:
        return _HASHER.verify(hashed or _nobodys(), secret) and hashed is not None
    except VerifyMismatchError:
        return False


@cache
def _nobodys() -> str:
    return hash_of(new_secret())
