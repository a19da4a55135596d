"""The 16 bytes by which a usage record is known again: 12 of who sent which id, 4 of what it said.

Both go into the log with every `UsageRated`, so the definitions here are fixed for ever: a changed one would take every
repeated record of the last 35 days for new. Texts contain no NUL (refused before), so joining by NUL loses nothing.

The id's part is a real hash: two ids must never meet. The content's part only tells a repeated record from another one
under the same id of the same publisher; four bytes can do no more than a checksum does, and CRC-32 is the quickest.

Which ids were accepted within the window is kept in under 20 bytes an id. New ids stand in a dict. Once there are
enough they become a *run*: three numpy arrays sorted by the first 8 bytes of the id's hash. A run swallows its
predecessor when it is at least half as long, so there are about log2(ids) runs, and an id is copied about that often in
its life. A lookup asks each run once for a whole batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt

from events.dedupe import CONTENT_HASH_BYTES, DIGEST_BYTES, ID_HASH_BYTES, WINDOW_DAYS

#: Ids that may stand in the dict (about 170 bytes each) before they become a run.
RECENT_IDS = 16_384
_LAYOUT = np.dtype([("high", ">u8"), ("low", ">u4"), ("content", "S4")])
assert _LAYOUT.itemsize == DIGEST_BYTES
Array = npt.NDArray[Any]


class Hash(Protocol):
    """A hash that can still be fed."""

    def copy(self) -> Self: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def id_hash(organization: str, account_id: str, source: str) -> Hash:
    """The beginning of every `id_digest` of an account's usage from one source."""
    return blake2b(f"{organization}\0{account_id}\0{source}\0".encode(), digest_size=ID_HASH_BYTES)


def id_digest(begun: Hash, usage_id: str) -> bytes:
    """12 bytes of (organization, account, source, id); the first three by their `id_hash`."""
    digest = begun.copy()
    digest.update(usage_id.encode())
    return digest.digest()


def meter_crc(meter_id: str) -> int:
    """The beginning of every `content_digest` of a meter's usage."""
    return crc32(f"{meter_id}\0".encode())


def content_digest(
    meter: int, time: str, numbers: Mapping[str, str], categories: Mapping[str, Mapping[str, str]]
) -> bytes:
    """4 bytes of the content in normal form; the meter by its `meter_crc`.

    `time` is UTC; `numbers` are plain texts, whose trailing zeros do not count (1.0 is 1.00); order does not count.
    """
    text = time
    for code, number in sorted(numbers.items()) if len(numbers) > 1 else numbers.items():
        text = f"{text}\0{code}\0{number.rstrip('0').rstrip('.') if '.' in number else number}"
    for category, fields in categories.items():
        text = f"{text}\0\0{category}"
        for code in sorted(fields) if len(fields) > 1 else fields:
            text = f"{text}\0{code}\0{fields[code]}"
    return crc32(text.encode(), meter).to_bytes(CONTENT_HASH_BYTES, "big")


@dataclass(slots=True)
class _Run:
    """Ids sorted by `high`: 8 + 4 bytes of id hash, 4 of content, 2 of the day since 1970 = 18 bytes an id."""

    high: Array
    low: Array
    content: Array
    day: Array

    def __len__(self) -> int:
        return len(self.high)

    @classmethod
    def of(cls, digests: bytes, days: Array) -> "_Run":
        table = np.frombuffer(digests, dtype=_LAYOUT)
        high = table["high"].astype(np.uint64)
        order = np.argsort(high, kind="stable")
        content = np.frombuffer(digests, dtype=np.uint32).reshape(-1, 4)[:, 3]
        return cls(high[order], table["low"].astype(np.uint32)[order], content[order], days[order])

    def content_of(self, index: int, high: int, low: int, oldest_day: int) -> bytes | None:
        """The content of an id, whose `high` stands at `index` and may do so further on, if it is not too old.

        Equal first 8 bytes of different ids, and one id remembered again after the window, stand side by side.
        """
        found = None
        while index < len(self) and self.high[index] == high:
            if self.low[index] == low and int(self.day[index]) >= oldest_day:
                found = self.content[index].tobytes()
            index += 1
        return found

    def merged(self, other: "_Run", oldest_day: int) -> "_Run":
        """Both in one, without the ids of days before `oldest_day`."""
        high = np.concatenate((self.high, other.high))
        days = np.concatenate((self.day, other.day))
        order = np.argsort(high, kind="stable")
        order = order[days[order] >= oldest_day]
        low = np.concatenate((self.low, other.low))[order]
        content = np.concatenate((self.content, other.content))[order]
        return _Run(high[order], low, content, days[order])


class SeenIds:
    """The accepted ids of one partition. An id remembered twice keeps both; the one within the window counts."""

    def __init__(self) -> None:
        self._recent: dict[bytes, tuple[bytes, int]] = {}
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return len(self._recent) + sum(len(run) for run in self._runs)

    def load(self, digests: bytes, day: int) -> None:
        """Take a packed row of a snapshot: 16 bytes an id, all counted as of `day`, the newest of the row."""
        if digests:
            self._push(_Run.of(digests, np.full(len(digests) // DIGEST_BYTES, day, dtype=np.uint16)), day)

    def remember(self, digest: bytes, day: int) -> None:
        """The id was accepted on that day (days since 1970 of the log's clock)."""
        self._recent[digest[:ID_HASH_BYTES]] = (digest[ID_HASH_BYTES:], day)

    def compact(self, day: int) -> None:
        """Make the recent ids a run once they are many. Between batches only: `admit` answers for a whole batch."""
        if len(self._recent) >= RECENT_IDS:
            self._flush(day)

    def admit(self, digest: bytes, day: int) -> bytes | None:
        """Remember an id that is new among the recent ones; else the content that it was accepted with.

        To be asked within one batch, for what `known` does not find.
        """
        id_hash = digest[:ID_HASH_BYTES]
        found = self._recent.get(id_hash)
        if found is not None and found[1] >= day - WINDOW_DAYS:
            return found[0]
        self._recent[id_hash] = (digest[ID_HASH_BYTES:], day)
        return None

    def known(self, digests: Sequence[bytes], day: int) -> dict[bytes, bytes]:
        """Content by id hash, of those of the batch that stand in a run and are within the window on `day`."""
        if not self._runs or not digests:
            return {}
        table = np.frombuffer(b"".join(digests), dtype=_LAYOUT)
        wanted = table["high"].astype(np.uint64)
        order = np.argsort(wanted)
        wanted = wanted[order]
        found: dict[bytes, bytes] = {}
        for run in self._runs:
            left = run.high.searchsorted(wanted)
            for index in np.flatnonzero(run.high.take(left, mode="clip") == wanted):
                asked = order[index]
                content = run.content_of(int(left[index]), wanted[index], table["low"][asked], day - WINDOW_DAYS)
                if content is not None:
                    found[digests[asked][:ID_HASH_BYTES]] = content
        return found

    def _flush(self, day: int) -> None:
        digests = b"".join(id_hash + content for id_hash, (content, _) in self._recent.items())
        days = np.fromiter((seen for _, seen in self._recent.values()), dtype=np.uint16, count=len(self._recent))
        self._recent.clear()
        self._push(_Run.of(digests, days), day)

    def _push(self, run: _Run, day: int) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = self._runs.pop().merged(run, max(day - WINDOW_DAYS, 0))
        if len(run):
            self._runs.append(run)
