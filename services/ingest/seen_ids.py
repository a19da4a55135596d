"""The ids that were accepted within the window, in under 20 bytes an id; their bytes come from `digests`.

New ids stand in a dict. Once there are enough, they become a *run*: three numpy arrays sorted by the first 8 bytes of
the id's hash. A run absorbs its predecessor if it is at least half as long, so there are about log2(ids) runs, and each
id is copied about that often. A lookup searches each run once for a whole batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from events.sources import DIGEST_BYTES, ID_HASH_BYTES, WINDOW_DAYS

#: Ids in the dict (about 170 bytes each) before they become a run.
RECENT_IDS = 16_384
#: Ids of a snapshot that are sorted at once. Sorting more takes memory that is not given back, 1.5 bytes an id.
LOADED_IDS = 1 << 19
_LAYOUT = np.dtype([("high", ">u8"), ("low", ">u4"), ("content", "S4")])
assert _LAYOUT.itemsize == DIGEST_BYTES
Array = npt.NDArray[Any]
#: Packed ids, and the day that counts for all of them.
Rows = list[tuple[bytes, int]]


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
        order = _in_order(high)
        content = np.frombuffer(digests, dtype=np.uint32).reshape(-1, 4)[:, 3]
        return cls(high[order], table["low"].astype(np.uint32)[order], content[order], days[order])

    def content_of(self, index: int, high: int, low: int, oldest_day: int) -> bytes | None:
        """The content of an id whose `high` stands at `index`, and perhaps further on, if the id is not too old.

        Different ids with equal first 8 bytes, and an id that was remembered again after the window, stand side by
        side.
        """
        content = None
        while index < len(self) and self.high[index] == high:
            if self.low[index] == low and int(self.day[index]) >= oldest_day:
                content = self.content[index].tobytes()
            index += 1
        return content

    def merged(self, other: "_Run", oldest_day: int) -> "_Run":
        """Both runs in one, without ids of days before `oldest_day`."""
        high = np.concatenate((self.high, other.high))
        days = np.concatenate((self.day, other.day))
        order = np.argsort(high, kind="stable")
        order = order[days[order] >= oldest_day]
        low = np.concatenate((self.low, other.low))[order]
        content = np.concatenate((self.content, other.content))[order]
        return _Run(high[order], low, content, days[order])


def _in_order(high: Array) -> Array:
    """The order of the hashes; equal hashes keep their order. An unstable sort is three times as fast, and two ids of
    equal hash are rare.
    """
    order = np.argsort(high)
    ordered = high[order]
    return np.argsort(high, kind="stable") if (ordered[1:] == ordered[:-1]).any() else order


class SeenIds:
    """The accepted ids of one partition. An id that was remembered twice has both entries; the one within the window
    counts.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, tuple[bytes, int]] = {}
        self._runs: list[_Run] = []
        #: Rows of a snapshot that is being loaded, and their total length.
        self._rows: Rows = []
        self._row_bytes = 0

    def __len__(self) -> int:
        return len(self._recent) + sum(len(run) for run in self._runs)

    def gather(self, digests: bytes, day: int) -> bool:
        """Take a packed row of a snapshot: 16 bytes an id; all ids count with `day`, the newest of the row.

        Rows are gathered and sorted many at a time: sorted singly, the oldest ids would be copied once per size of run.
        Returns whether enough rows are gathered.
        """
        if digests:
            self._rows.append((digests, day))
            self._row_bytes += len(digests)
        return self._row_bytes >= LOADED_IDS * DIGEST_BYTES

    def gathered(self) -> Rows:
        """The gathered rows, for `sort`, which may run in a thread while more rows are gathered."""
        rows, self._rows, self._row_bytes = self._rows, [], 0
        return rows

    def sort(self, rows: Rows) -> None:
        """Add the gathered rows; they must be sorted in the order in which they were gathered."""
        if rows:
            days = np.concatenate([np.full(len(digests) // DIGEST_BYTES, day, np.uint16) for digests, day in rows])
            self._push(_Run.of(b"".join(digests for digests, _ in rows), days), max(day for _, day in rows))

    def remember(self, digest: bytes, day: int) -> None:
        """The id was accepted on that day (days since 1970 of the log's clock)."""
        self._recent[digest[:ID_HASH_BYTES]] = (digest[ID_HASH_BYTES:], day)

    def compact(self, day: int) -> None:
        """Turn the recent ids into a run if they are many. Call it between batches only, because `admit` must see a
        whole batch.
        """
        if len(self._recent) >= RECENT_IDS:
            self._flush(day)

    def admit(self, digest: bytes, day: int) -> bytes | None:
        """Add an id if it is new among the recent ids; otherwise return the content with which it was accepted.

        Call it within one batch, for ids that `contents_of` does not find.
        """
        id_hash = digest[:ID_HASH_BYTES]
        recent = self._recent.get(id_hash)
        if recent is not None and recent[1] >= day - WINDOW_DAYS:
            return recent[0]
        self._recent[id_hash] = (digest[ID_HASH_BYTES:], day)
        return None

    def contents_of(self, digests: Sequence[bytes], day: int) -> dict[bytes, bytes]:
        """Content by id hash, for ids of the batch that stand in a run and are within the window on `day`."""
        if not self._runs or not digests:
            return {}
        table = np.frombuffer(b"".join(digests), dtype=_LAYOUT)
        wanted = table["high"].astype(np.uint64)
        order = np.argsort(wanted)
        wanted = wanted[order]
        contents: dict[bytes, bytes] = {}
        for run in self._runs:
            left = run.high.searchsorted(wanted)
            for index in np.flatnonzero(run.high.take(left, mode="clip") == wanted):
                number = order[index]
                content = run.content_of(int(left[index]), wanted[index], table["low"][number], day - WINDOW_DAYS)
                if content is not None:
                    contents[digests[number][:ID_HASH_BYTES]] = content
        return contents

    def _flush(self, day: int) -> None:
        digests = b"".join(id_hash + content for id_hash, (content, _) in self._recent.items())
        days = np.fromiter(
            (last_day for _, last_day in self._recent.values()), dtype=np.uint16, count=len(self._recent)
        )
        self._recent.clear()
        self._push(_Run.of(digests, days), day)

    def _push(self, run: _Run, day: int) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = self._runs.pop().merged(run, max(day - WINDOW_DAYS, 0))
        if len(run):
            self._runs.append(run)
