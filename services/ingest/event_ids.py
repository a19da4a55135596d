"""The ids of a source's records by the batch. `events.envelope.event_id` defines them; a test holds the two equal."""

from collections.abc import Sequence
from hashlib import sha1

import numpy as np

from events.envelope import NAMESPACE

#: The two hexadecimal characters of each byte, as one number that is laid out like them.
_HEXADECIMAL = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
_HASH_BYTES, _ID_BYTES, _TEXT_LENGTH = 20, 16, 36
#: Hexadecimal characters `[start, end)` of an id and where they stand in its text, between hyphens.
_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))


class EventIds:
    """Ids of one source as texts; the hash of the part that does not change is kept."""

    def __init__(self, source: str) -> None:
        self._prefix = sha1(NAMESPACE.bytes + f"{source}/".encode(), usedforsecurity=False)

    def text(self, sequence: int) -> str:
        """The id of the record with this sequence."""
        return self.texts([sequence])[0]

    def texts(self, sequences: Sequence[int]) -> list[str]:
        """The ids of the records with these sequences: hashed one by one, spelt all at once."""
        if not sequences:
            return []
        hashes = []
        for sequence in sequences:
            digest = self._prefix.copy()
            digest.update(b"%d" % sequence)
            hashes.append(digest.digest())
        octets = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, _HASH_BYTES)[:, :_ID_BYTES].copy()
        octets[:, 6] = octets[:, 6] & 0x0F | 0x50  # version 5
        octets[:, 8] = octets[:, 8] & 0x3F | 0x80  # the variant of RFC 9562
        characters = _HEXADECIMAL[octets].view(np.uint8)
        spelt = np.full((len(hashes), _TEXT_LENGTH), ord("-"), dtype=np.uint8)
        for start, end, place in _GROUPS:
            spelt[:, place : place + end - start] = characters[:, start:end]
        texts = spelt.tobytes().decode("ascii")
        return [texts[place : place + _TEXT_LENGTH] for place in range(0, len(texts), _TEXT_LENGTH)]
