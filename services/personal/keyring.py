"""The operator's key, which encrypts the accounts' keys in Postgres: a copy of the database, a backup or the log
reveals no personal text without the operator's file.

The file may have several keys, one a line: the first encrypts, all decrypt. To replace a key, put the new one before
it, run `trueup personal-keys rewrap`, and then remove the old line.
"""

import base64
import hashlib
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken

from services.failures import ExpectedFailure, Worded

_NAME_BYTES = 6


class NoPersonalKeyError(Worded, ExpectedFailure):
    """personal data of organization {organization} is kept under keys, and this process has no operator's key: set \
TRUEUP_PERSONAL_KEY_FILE"""


class WrongPersonalKeyError(Worded, ExpectedFailure):
    """key {key_id} of organization {organization} was encrypted with an operator's key that is not in \
TRUEUP_PERSONAL_KEY_FILE: put that one back, in a line of its own"""


class Wrapped(NamedTuple):
    """An account's key as stored in Postgres, and the name of the operator's key that encrypts it."""

    key: bytes
    by: str


class Keyring:
    """Encrypts and decrypts accounts' keys; without lines it can do neither."""

    def __init__(self, lines: str | None = None) -> None:
        given = [line.strip() for line in (lines or "").splitlines() if line.strip()]
        #: By name, in the order of the lines.
        self._by_name = {_name(line): _fernet(line) for line in given}

    @property
    def is_there(self) -> bool:
        """Whether the operator has given a key."""
        return bool(self._by_name)

    @property
    def first(self) -> str:
        """The name of the key that encrypts; empty without one."""
        return next(iter(self._by_name), "")

    def wrapped(self, organization: str, key: bytes) -> Wrapped:
        """An account's key, encrypted for Postgres. Raises: NoPersonalKeyError."""
        if not self._by_name:
            raise NoPersonalKeyError(organization=organization)
        return Wrapped(self._by_name[self.first].encrypt(key), self.first)

    def unwrapped(self, organization: str, key_id: str, wrapped: Wrapped) -> bytes:
        """The account's key. Raises: NoPersonalKeyError, WrongPersonalKeyError."""
        if not self._by_name:
            raise NoPersonalKeyError(organization=organization)
        try:
            return self._by_name[wrapped.by].decrypt(wrapped.key)
        except (KeyError, InvalidToken):
            raise WrongPersonalKeyError(key_id=key_id, organization=organization) from None

    def rewrapped(self, organization: str, key_id: str, wrapped: Wrapped) -> Wrapped:
        """The same key, encrypted with the first line. Raises: NoPersonalKeyError, WrongPersonalKeyError."""
        return self.wrapped(organization, self.unwrapped(organization, key_id, wrapped))


def _secret(line: str) -> bytes:
    return hashlib.sha256(line.encode()).digest()


def _fernet(line: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_secret(line)))


def _name(line: str) -> str:
    """A key's name: a hash of a value derived from the key, so that the name reveals nothing about the key."""
    return hashlib.sha256(b"the name of " + _secret(line)).hexdigest()[: 2 * _NAME_BYTES]
