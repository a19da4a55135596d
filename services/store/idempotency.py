"""Idempotency keys: the same POST sent twice is done once, and both get the first answer.

A key belongs to organization, method and path. It is looked up and remembered in the transaction of the command itself,
under the organization's lock, so two requests with one key that race are one command. Kept for WINDOW_DAYS.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from events.dedupe import WINDOW_DAYS

KEY_LENGTH_MAX = 255
_FIND = """
SELECT body_hash, answer FROM store.idempotency
WHERE organization = $1 AND method = $2 AND path = $3 AND key = $4 AND made_at > now() - make_interval(days => $5)
"""
_FORGET_OLD = "DELETE FROM store.idempotency WHERE made_at <= now() - make_interval(days => $1)"
_AMEND = """
UPDATE store.idempotency SET answer = $5 WHERE organization = $1 AND method = $2 AND path = $3 AND key = $4
"""
_REMEMBER = """
INSERT INTO store.idempotency (organization, method, path, key, body_hash, answer) VALUES ($1, $2, $3, $4, $5, $6)
"""


class KeyReusedError(Exception):
    """Idempotency-Key {key} was used before with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key} was used before with another body")


@dataclass(frozen=True, slots=True)
class Request:
    """What a key stands for. `key` None: the client sent none, nothing is remembered."""

    organization: str
    method: str
    path: str
    key: str | None
    body: bytes

    @property
    def _scope(self) -> tuple[str, str, str, str | None]:
        return self.organization, self.method, self.path, self.key


async def first_answer(connection: Any, request: Request) -> bytes | None:
    """The answer that this request got before; None for a new one. Raises: KeyReusedError."""
    if request.key is None:
        return None
    row = await connection.fetchrow(_FIND, *request._scope, WINDOW_DAYS)
    if row is None:
        return None
    if row["body_hash"] != sha256(request.body).digest():
        raise KeyReusedError(request.key)
    return bytes(row["answer"])


async def remember(connection: Any, request: Request, answer: bytes) -> None:
    """Keep the answer, in the transaction that earned it; forget what is over its time."""
    if request.key is None:
        return
    await connection.execute(_FORGET_OLD, WINDOW_DAYS)
    await connection.execute(_REMEMBER, *request._scope, sha256(request.body).digest(), answer)


async def amend(connection: Any, request: Request, answer: bytes) -> None:
    """Complete the remembered answer with what could be derived only after the commit."""
    await connection.execute(_AMEND, *request._scope, answer)
