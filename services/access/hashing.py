"""API secrets as hashes. Each takes a millisecond of a core, so it is made off the event loop."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

#: A secret is 32 random bytes, which nobody guesses, however fast the hash is. What makes argon2 slow and large is for
#: passwords that people think of; here it would only let strangers keep this machine busy.
_HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
SECRET_BYTES = 32


def new_secret() -> str:
    """SECRET_BYTES random bytes, as text that is safe in URLs and headers."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """The argon2 hash of a secret, with its salt and parameters: all that is stored of it."""
    return _HASHER.hash(secret)


def is_secret_of(hashed: str | None, secret: str) -> bool:
    """Whether this is the secret; None is the hash of a key that is not there, and takes as long."""
    try:
        return _HASHER.verify(hashed or _nobodys(), secret) and hashed is not None
    except VerifyMismatchError:
        return False


@cache
def _nobodys() -> str:
    return hash_of(new_secret())
