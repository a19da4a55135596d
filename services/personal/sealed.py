"""What is written in the place of a personal text: encrypted with the account's key, and recognizable anywhere.

The encryption is deterministic (AES-SIV, RFC 5297): equal texts of one account are equal once they are sealed, and no
others are. So whatever only compares texts, such as UNIQUE, counts sealed ones as it would count plain ones, before
and after the key is destroyed; and who sends a body again that has not changed has not changed anything.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

#: What every sealed text begins with, and no text of a client's.
MARK = "sealed1."
#: What is shown where the key is destroyed.
TOMBSTONE = "[forgotten]"
#: Bytes of an account's key: half of them authenticate, half encrypt; and of its id, which is written in base64.
KEY_BYTES, ID_BYTES = 64, 8
#: Backslashes before a quote that are counted: no document of ours is as deep.
_DEEPEST = 31
_TOKEN = re.compile(rf"{re.escape(MARK)}([A-Za-z0-9_-]{{11}})\.([A-Za-z0-9_-]{{23,}})")


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

    def seal_once(self, text: str) -> str:
        """The same, and what is sealed already as it is: a body that is carried over has that, a client's never."""
        return text if is_sealed(text) else self.seal(text)

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


#: A text as its surroundings have it, which are so many JSON documents deep: 1 in a string of one, 2 in a string of one
#: that is itself the string of another.
Spelling = Callable[[str, int], str]


def opened(text: str, sealers: Mapping[str, Sealer | None], spelt: Spelling = lambda text, depth: text) -> str:
    """The text with all that is sealed in it opened, spelt as its surroundings have it. What a destroyed key sealed
    (None) is a tombstone; what no key has ever sealed stays as it is."""

    def plain(match: re.Match[str]) -> str:
        if match[1] not in sealers:
            return match[0]
        sealer = sealers[match[1]]
        return spelt(TOMBSTONE if sealer is None else sealer.opened(match[0]), _depth(text, match.start()))

    return _TOKEN.sub(plain, text)


def _depth(text: str, start: int) -> int:
    """How many JSON documents deep the string is that starts here: each doubles the backslashes before its quotes."""
    before = text[max(0, start - 1 - _DEEPEST) : start].removesuffix('"')
    return (len(before) - len(before.rstrip("\\")) + 1).bit_length()
