"""Stored secrets: plain, or encrypted with a key in the operator's file.

Without such a key, anyone who can read Postgres, or a backup of it, can sign in our name.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from services.failures import ExpectedFailure, Worded


class CannotOpenError(Worded, ExpectedFailure):
    """a webhook's secret was encrypted with {what}: set TRUEUP_WEBHOOK_KEY_FILE as it was then, or rotate the secret"""


class Sealer:
    """Encrypts secrets with a key, or leaves them plain if there is none."""

    def __init__(self, key: str | None) -> None:
        self._fernet = None
        if key is not None:
            self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))

    @property
    def has_key(self) -> bool:
        return self._fernet is not None

    def sealed(self, secret: str) -> tuple[bytes, bool]:
        """The stored form of a secret, and whether it is encrypted."""
        if self._fernet is None:
            return secret.encode(), False
        return self._fernet.encrypt(secret.encode()), True

    def opened(self, kept: bytes, is_sealed: bool) -> str:
        """The secret. Raises: CannotOpenError."""
        if not is_sealed:
            return kept.decode()
        if self._fernet is None:
            raise CannotOpenError(what="a key that this process does not have")
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken:
            raise CannotOpenError(what="another key than this process has") from None
