"""Idempotency keys: the same POST sent twice is done once, and both get the first answer.

A key belongs to organization, method and path. It is looked up and remembered in the transaction of the command itself,
under the organization's lock, so two requests with one key that race are one command. Work that has transactions of its
own takes its key first: an answer that is not whole yet. Kept for WINDOW_DAYS.
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
#: The first who makes an answer whole has the say; nobody who asks later is told anything else.
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
    """What a key stands for. `key` None: the client sent none, nothing is remembered."""

    organization: str
    method: str
    path: str
    key: str | None
    body: bytes
    #: As it was sent.
    query: bytes = b""

    @property
    def _digest(self) -> bytes:
        """Of what is asked, beside the path."""
        return sha256(b"\0?".join((self.body, self.query)) if self.query else self.body).digest()

    @property
    def _scope(self) -> tuple[str, str, str, str | None]:
        return self.organization, self.method, self.path, self.key


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before; one that is not `whole` still lacks what is derived after the commit."""

    answer: bytes
    whole: bool


async def find(connection: Any, request: Request) -> Kept | None:
    """The answer that this request got before; None for a new one. Raises: KeyReusedError."""
    if request.key is None:
        return None
    row = await connection.fetchrow(_FIND, *request._scope, WINDOW_DAYS)
    if row is None:
        return None
    if row["body_hash"] != request._digest:
        raise KeyReusedError(request.key)
    return Kept(bytes(row["answer"]), row["whole"])


async def remember(connection: Any, request: Request, answer: bytes, *, whole: bool = True) -> None:
    """Keep the answer, in the transaction that earned it; drop the organization's that were kept long enough."""
    if request.key is None:
        return
    await connection.execute(_FORGET_OLD, request.organization, WINDOW_DAYS)
    await connection.execute(_REMEMBER, *request._scope, request._digest, answer, whole)


async def forget(connection: Any, request: Request) -> None:
    """It was refused: the key is free again, unless somebody got an answer under it."""
    await connection.execute(_FORGET, *request._scope)


async def make_whole(connection: Any, request: Request, answer: bytes) -> bytes:
    """Keep this as the whole answer, unless there is one; returns the one that holds."""
    first: bytes | None = await connection.fetchval(_MAKE_WHOLE, *request._scope, answer)
    return answer if first is None else bytes(first)
