"""Is an archive as it was written? Every file is read whole and compared with its hash; all that is wrong is told.

Whoever may change a file may change its manifest, too. So the records of the log are compared with what the notary has
signed of them, where one runs: that stands in the archive as well, and nobody makes it without the operator's key. But
whoever may remove the newest of it, too, makes the signature reach less far: so how far it does is told.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from events.topics import CATALOG, EVENTS, TREE_HEADS
from projections.clock import QUARTER
from projections.proof.segments import tick_of
from services.archive.defects import BrokenArchiveError, NoArchiveError
from services.archive.manifest import TOPICS
from services.archive.partition_counts import counts_of, folders, partitions
from services.archive.pieces import ArchivedRecord, PieceGoneError, read_piece, records_of
from services.archive.place import FilePlace
from services.archive.read_back import load
from services.proof.checking import PartitionCheck
from services.proof.head import read_head
from services.proof.heads_topic import Published, series_of

#: The ticks of the log are so far apart, and what stands before one is signed within seconds.
_QUARTER_MS = QUARTER // timedelta(milliseconds=1)


class Reach(NamedTuple):
    """A partition of the log is what was signed with this key up to offset `signed`, of `end`; neither one's record is.

    `is_late`: behind it stands a quarter hour that is over, and has been for another one.
    """

    partition: int
    signed: int
    end: int
    key: str
    is_late: bool


@dataclass(slots=True)
class Verified:
    """What an archive holds of a topic, and what is wrong with it, a sentence each."""

    topic: str
    partitions: int = 0
    records: int = 0
    files: int = 0
    #: What Kafka had deleted before it was kept, which nothing mends.
    gaps: list[str] = field(default_factory=list)
    #: How far partitions are what was signed; of one of which nothing is, or that is wrong, there is none.
    signed: list[Reach] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def verify(place: FilePlace, key: str | None = None) -> Iterator[Verified]:
    """Look at every topic, one after the other. `key` is the thumbprint of the one that is to have signed the log.

    Raises: PlaceAwayError.
    """
    heads: dict[int, list[str]] = defaultdict(list)
    there, missing = folders(place), ""
    try:
        counts = counts_of(place)
    except (NoArchiveError, BrokenArchiveError) as error:
        counts, missing = there, str(error)
    for topic in TOPICS:
        verified = Verified(topic, partitions=counts[topic])
        if missing:
            verified.wrong, missing = [missing], ""  # once: and then whatever is there is looked at
        try:
            partitions(place, topic, counts[topic])
        except BrokenArchiveError as error:
            verified.wrong.append(str(error))
        for partition in range(verified.partitions):
            if topic in (EVENTS, CATALOG):
                _compare(place, verified, partition, series_of(heads[partition], (topic, partition), key), key)
            else:
                for records in records_kept(place, verified, partition):
                    if topic == TREE_HEADS:
                        heads[partition] += [(record.value or b"").decode(errors="replace") for record in records]
        yield verified


def _compare(place: FilePlace, verified: Verified, partition: int, signed: list[Published], key: str | None) -> None:
    """Read a partition of the log, and compare it with what was signed of it, as far as that goes."""
    check, wrong = PartitionCheck([published.head for published in signed]), len(verified.wrong)
    behind = _Behind(signed[-1].head.segment.end if signed else 0)
    for records in records_kept(place, verified, partition):
        check.take((record.offset, record.value) for record in records if not record.fills_a_gap)
        behind.take(records)
    if len(verified.wrong) > wrong:
        return  # what is left of it is not what was signed
    check.end()
    if check.difference is not None:
        verified.wrong.append(f"{place.shown(verified.topic)}/{partition} is not what was signed: {check.difference}")
    elif signed:
        _, signed_by = read_head(signed[-1].token)
        verified.signed.append(Reach(partition, behind.start, behind.end, signed_by, behind.is_late))
        if key is not None and behind.is_late:
            what = "and what stands behind it is a quarter hour old, or more"
            verified.wrong.append(f"{verified.topic}/{partition} is signed up to offset {behind.start} alone, {what}")
    elif key is not None and behind.end:
        verified.wrong.append(f"nothing of {verified.topic}/{partition} is signed with key {key}")


class _Behind:
    """What stands behind the records of a partition that were signed, from offset `start` to `end`.

    One tick there is nothing: what was signed was kept right before. `is_late`: the notary had time for it.
    """

    def __init__(self, start: int) -> None:
        self.start, self.end, self.is_late = start, 0, False
        #: The first tick there, and when it was appended, in ms.
        self._first: tuple[datetime, int] | None = None

    def take(self, records: list[ArchivedRecord]) -> None:
        """The next records of the partition."""
        for record in records:
            self.end = record.offset + 1
            if record.offset < self.start or self.is_late:
                continue
            tick = tick_of(record.value)
            if self._first is not None:
                first, ms = self._first
                self.is_late = record.timestamp - ms >= _QUARTER_MS or tick not in (None, first)
            elif tick is not None:
                self._first = tick, record.timestamp


def records_kept(place: FilePlace, verified: Verified, partition: int) -> Iterator[list[ArchivedRecord]]:
    """The records of a partition, in order, a list a piece; a piece that is broken is told and passed over.

    Pieces may be replaced by a larger one meanwhile: then it goes on in that one, behind what it has told.
    """
    position = 0
    try:
        manifest = load(place, verified.topic, partition)
        while ahead := [piece for piece in manifest.pieces if piece.next > position]:
            try:
                table = read_piece(place, manifest, ahead[0])
                records = [record for record in records_of(table) if record.offset >= position]
                verified.records += len(records)
                yield records
            except PieceGoneError as error:
                newer = load(place, verified.topic, partition)
                if newer != manifest:  # an archiver is at work, and has put a larger one in its place
                    manifest = newer
                    continue
                verified.wrong.append(str(error))
            except BrokenArchiveError as error:
                verified.wrong.append(str(error))
            verified.files += 1
            position = ahead[0].next
    except BrokenArchiveError as error:
        verified.wrong.append(str(error))
        return
    verified.gaps += [
        f"{verified.topic}/{partition} lacks offsets {start} to {end - 1}" for start, end in manifest.gaps
    ]
