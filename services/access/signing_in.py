"""Exchanges a key's secret for a token. The official Python client does so before every call, so it must be cheap."""

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

from events.actors import caller
from services.access.denials import WrongCredentialsError
from services.access.gate import Gate
from services.access.keys import HashedKey, is_secret_of
from services.access.tokens import TOKEN_SECONDS, Tokens

#: How long a correct secret is accepted without asking the database.
TRUST_SECONDS = 10.0
#: Most keys that are cached.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, and its remaining lifetime in seconds."""

    token: str
    seconds: int


@dataclass(frozen=True, slots=True)
class _Right:
    """A secret that matched this hash, with the last token that was made for it."""

    hashed: HashedKey
    signed_with: Tokens
    token: str
    token_ends: float
    until: float


class SignIn:
    """Sign-in of one API process. `find` reads a valid key from the database.

    `failed` receives the access key id of each failed attempt, or "" for a text that cannot be an id and may be
    endless; its error is the answer, which slows down strangers who try many. A cached secret is not compared again, so
    strangers do not delay its owner.
    """

    def __init__(
        self,
        gate: Gate,
        find: Callable[[str], Awaitable[HashedKey | None]],
        failed: Callable[[str], None] = lambda _: None,
        trust_seconds: float = TRUST_SECONDS,
    ) -> None:
        self._gate, self._find, self._failed, self._trust_seconds = gate, find, failed, trust_seconds
        self._right: dict[bytes, _Right] = {}
        #: The cache's keys are digests with this key, so that no secret stays in memory.
        self._mark = secrets.token_bytes(32)
        #: Hashing has its own threads, so that nobody who tries many keys delays other work.
        self._hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hashing")
        # The hash for missing keys is made before the first request.
        self._hashing.submit(is_secret_of, None, "")

    async def token_for(self, access_key_id: str, secret: str) -> IssuedToken:
        """A token for the key. Raises: WrongCredentialsError, AccessUnknownError, PostgresUnreachableError."""
        digest = blake2b(f"{access_key_id}\0{secret}".encode(), key=self._mark).digest()
        right, now = self._right.get(digest), time.monotonic()
        doubted = right is None or right.until <= now or right.signed_with is not self._gate.tokens
        if right is None or doubted or self._gate.is_revoked(access_key_id):
            right = await self._looked_up(digest, access_key_id, secret)
        return IssuedToken(right.token, math.ceil(right.token_ends - time.monotonic()))

    async def _looked_up(self, digest: bytes, access_key_id: str, secret: str) -> _Right:
        could_be = caller(access_key_id) is not None
        hashed = await self._find(access_key_id) if could_be else None
        before = self._right.pop(digest, None)
        if hashed is None or before is None or before.hashed.secret_hash != hashed.secret_hash:
            compared = None if hashed is None else hashed.secret_hash
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._hashing, is_secret_of, compared, secret)
            if hashed is None or not is_right:
                self._failed(access_key_id if could_be else "")
                raise WrongCredentialsError
        key, now = hashed.key, time.monotonic()
        tokens = self._gate.tokens
        token = tokens.sign(key.id, key.organization, key.scopes)
        if len(self._right) >= _REMEMBERED:
            del self._right[next(iter(self._right))]
        right = _Right(hashed, tokens, token, now + TOKEN_SECONDS, now + self._trust_seconds)
        self._right[digest] = right
        return right

    def close(self) -> None:
        """Stop the thread that hashes."""
        self._hashing.shutdown(wait=False, cancel_futures=True)
