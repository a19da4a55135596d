"""What is written in the place of a personal text: encrypted with the account's key, and recognizable anywhere.

The encryption is deterministic (AES-SIV, RFC 5297): equal texts of one account are equal once they are sealed, and no
others are. So whatever only compares texts, such as UNIQUE, counts sealed ones as it would count plain ones, before
and after the key is destroyed; and who sends a body again that has not changed has not changed anything.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

#: What every sealed text begins with, and no text of a client's.
MARK = "sealed1."
#: What is shown where the key is destroyed.
TOMBSTONE = "[forgotten]"
#: Bytes of an account's key: half of them authenticate, half encrypt; and of its id, which is written in base64.
KEY_BYTES, ID_BYTES = 64, 8
_TOKEN = re.compile(rf"{re.escape(MARK)}([A-Za-z0-9_-]{{11}})\.([A-Za-z0-9_-]{{23,}})")
#: All of a string of JSON, with the backslashes that its quotes have.
_STRING = re.compile(rf'(?<!\\)(\\*+)"({re.escape(MARK)}[A-Za-z0-9_.-]+)\1"')


class Sealer:
    """Seals and opens with one account's key."""

    __slots__ = ("_cipher", "_prefix", "key_id")

    def __init__(self, key_id: str, key: bytes) -> None:
        self.key_id, self._prefix, self._cipher = key_id, f"{MARK}{key_id}.", AESSIV(key)

    def seal(self, text: str) -> str:
        """The text sealed. Of an empty one there is nothing to hide."""
        if not text:
            return text
        return self._prefix + urlsafe_b64encode(self._cipher.encrypt(text.encode(), None)).rstrip(b"=").decode()

    def seal_over(self, text: str, before: str | None) -> str:
        """The text sealed in the place of another. Who sends back the tombstone that he was shown means what it stands
        for: that stays, for ever unreadable and still equal to itself."""
        if text == TOMBSTONE and before is not None and is_sealed(before) and self.key_id not in keys_in(before):
            return before
        return self.seal(text)

    def seal_once(self, text: str, before: str | None = None) -> str:
        """The same, and what is sealed already as it is: a body that is carried over has that, a client's never."""
        return text if is_sealed(text) else self.seal_over(text, before)

    def opened(self, sealed: str) -> str:
        """The text that was sealed; what somebody else has made up to look sealed stays as it is."""
        [written] = _TOKEN.fullmatch(sealed).groups()[1:]  # type: ignore[union-attr]  # only tokens come here
        try:
            return self._cipher.decrypt(urlsafe_b64decode(written + "=" * (-len(written) % 4)), None).decode()
        except (InvalidTag, ValueError):
            return sealed


def is_sealed(text: str) -> bool:
    """Whether it begins as nothing but a sealed text does."""
    return text.startswith(MARK)


def keys_in(text: str) -> set[str]:
    """Ids of all keys that something in this text is sealed with."""
    return {match[1] for match in _TOKEN.finditer(text)}


def opened(text: str, sealers: Mapping[str, Sealer | None]) -> str:
    """A text that may be sealed, opened. What a destroyed key sealed (None) is a tombstone; what no key has ever sealed
    stays as it is."""
    match = _TOKEN.fullmatch(text)
    if match is None or match[1] not in sealers:
        return text
    sealer = sealers[match[1]]
    return TOMBSTONE if sealer is None else sealer.opened(text)


def opened_in_json(document: str, sealers: Mapping[str, Sealer | None]) -> str:
    """JSON with each string in it opened that is sealed, and each in a document that is a string of it, however deep.

    A sealed text is always all of a string; what only stands in one is somebody else's, and stays.
    """

    def plain(match: re.Match[str]) -> str:
        backslashes, sealed = match[1], match[2]
        text = opened(sealed, sealers)
        # Each document that a string stands in doubles the backslashes before its quotes, and adds one.
        for _ in range((len(backslashes) + 1).bit_length()):
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        return f'{backslashes}"{text}{backslashes}"'

    return _STRING.sub(plain, document)
