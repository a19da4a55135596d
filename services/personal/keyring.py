"""The operator's key, which accounts' keys are encrypted with in Postgres: who has a copy of the database, a backup of
it, or the log, reads no personal text without the operator's file.

The file may have several, one a line: the first encrypts, all decrypt. So a key is replaced by putting the new one
before it, and taken away once `trueup personal-keys rewrap` has run.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.failures import ExpectedFailure, Worded


class NoPersonalKeyError(Worded, ExpectedFailure):
    """personal data of organization {organization} is kept under keys, and this process has no operator's key: set \
TRUEUP_PERSONAL_KEY_FILE"""


class WrongPersonalKeyError(Worded, ExpectedFailure):
    """key {key_id} of organization {organization} was encrypted with an operator's key that is not in \
TRUEUP_PERSONAL_KEY_FILE: put that one back, in a line of its own"""


class Keyring:
    """Encrypts and decrypts accounts' keys; without lines it can do neither."""

    def __init__(self, lines: str | None = None) -> None:
        given = [line.strip() for line in (lines or "").splitlines() if line.strip()]
        self._fernet = MultiFernet([_fernet(line) for line in given]) if given else None

    @property
    def is_there(self) -> bool:
        """Whether the operator has given a key."""
        return self._fernet is not None

    def wrapped(self, organization: str, key: bytes) -> bytes:
        """An account's key as Postgres has it. Raises: NoPersonalKeyError."""
        return self._of(organization).encrypt(key)

    def unwrapped(self, organization: str, key_id: str, wrapped: bytes) -> bytes:
        """The account's key. Raises: NoPersonalKeyError, WrongPersonalKeyError."""
        try:
            return self._of(organization).decrypt(wrapped)
        except InvalidToken:
            raise WrongPersonalKeyError(key_id=key_id, organization=organization) from None

    def rewrapped(self, organization: str, key_id: str, wrapped: bytes) -> bytes:
        """The same key, encrypted with the first line. Raises: NoPersonalKeyError, WrongPersonalKeyError."""
        try:
            return self._of(organization).rotate(wrapped)
        except InvalidToken:
            raise WrongPersonalKeyError(key_id=key_id, organization=organization) from None

    def _of(self, organization: str) -> MultiFernet:
        if self._fernet is None:
            raise NoPersonalKeyError(organization=organization)
        return self._fernet


def _fernet(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
