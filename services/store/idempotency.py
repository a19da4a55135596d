"""Idempotency keys: the same POST sent twice is done once, and both get the first answer.

A key belongs to organization, method and path. It is looked up and remembered in the transaction of the command itself,
under the organization's lock, so two requests with one key that race are one command. Work with transactions of its own
first stores its key with an incomplete answer. Kept for WINDOW_DAYS.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from events.sources import WINDOW_DAYS
from services.failures import Worded

KEY_LENGTH_MAX = 255
_FIND = """
SELECT body_hash, answer, whole FROM store.idempotency
WHERE organization = $1 AND method = $2 AND path = $3 AND key = $4 AND made_at > now() - make_interval(days => $5)
"""
_FORGET_OLD = "DELETE FROM store.idempotency WHERE organization = $1 AND made_at <= now() - make_interval(days => $2)"
#: The first complete answer wins; all later requests get that answer.
_MAKE_WHOLE = """
UPDATE store.idempotency SET answer = CASE WHEN whole THEN answer ELSE $5 END, whole = true
WHERE organization = $1 AND method = $2 AND path = $3 AND key = $4 RETURNING answer
"""
_FORGET = """
DELETE FROM store.idempotency WHERE organization = $1 AND method = $2 AND path = $3 AND key = $4 AND NOT whole
"""
_REMEMBER = """
INSERT INTO store.idempotency (organization, method, path, key, body_hash, answer, whole)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class KeyReusedError(Worded):
    """Idempotency-Key {key} was used before with another body or query"""

    def __init__(self, key: str) -> None:
        super().__init__(key=key)


@dataclass(frozen=True, slots=True)
class Request:
    """The request behind a key. `key` None: the client sent none, and nothing is stored."""

    organization: str
    method: str
    path: str
    key: str | None
    body: bytes
    #: The body as it was sent.
    query: bytes = b""

    @property
    def _digest(self) -> bytes:
        """A digest of the request, without its path."""
        return sha256(b"\0?".join((self.body, self.query)) if self.query else self.body).digest()

    @property
    def _scope(self) -> tuple[str, str, str, str | None]:
        return self.organization, self.method, self.path, self.key


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A stored answer; one that is not `whole` still lacks the part that is derived after the commit."""

    answer: bytes
    whole: bool


async def find(connection: Any, request: Request) -> StoredAnswer | None:
    """The stored answer to this request; None for a new one. Raises: KeyReusedError."""
    if request.key is None:
        return None
    row = await connection.fetchrow(_FIND, *request._scope, WINDOW_DAYS)
    if row is None:
        return None
    if row["body_hash"] != request._digest:
        raise KeyReusedError(request.key)
    return StoredAnswer(bytes(row["answer"]), row["whole"])


async def remember(connection: Any, request: Request, answer: bytes, *, whole: bool = True) -> None:
    """Store the answer, in the transaction that made it; delete the organization's expired ones."""
    if request.key is None:
        return
    await connection.execute(_FORGET_OLD, request.organization, WINDOW_DAYS)
    await connection.execute(_REMEMBER, *request._scope, request._digest, answer, whole)


async def forget(connection: Any, request: Request) -> None:
    """Delete the key of a refused request, unless somebody has received an answer under it."""
    await connection.execute(_FORGET, *request._scope)


async def make_whole(connection: Any, request: Request, answer: bytes) -> bytes:
    """Store this complete answer, unless there is one; returns the stored one."""
    first: bytes | None = await connection.fetchval(_MAKE_WHOLE, *request._scope, answer)
    return answer if first is None else bytes(first)
