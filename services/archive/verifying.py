"""Checks whether an archive is as it was written: every file is read whole and compared with its hash.

Whoever can change a file can change its manifest, too. So where a notary runs, the records of the log are also compared
with what it signed: signatures are in the archive as well, and nobody can make them without the operator's key. But
whoever can remove the newest signatures makes them reach less far, so how far they reach is always reported.
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

#: Ms between two ticks of the log. What precedes a tick is signed within seconds after it.
_QUARTER_MS = QUARTER // timedelta(milliseconds=1)


class Reach(NamedTuple):
    """How far a partition of the log is as it was signed with `key`: up to offset `signed` of `end`, both exclusive.

    `is_late`: the unsigned records behind `signed` include a tick that is at least a quarter hour older than the
    newest, so the notary had time to sign it and did not, or its signature was removed.
    """

    partition: int
    signed: int
    end: int
    key: str
    is_late: bool


@dataclass(slots=True)
class Verified:
    """What an archive holds of a topic. `wrong`: what is wrong with it, one sentence each."""

    topic: str
    partitions: int = 0
    records: int = 0
    files: int = 0
    #: Offsets that Kafka deleted before they were archived, one sentence each; they are lost.
    gaps: list[str] = field(default_factory=list)
    #: How far partitions are as they were signed; without those that are wrong or of which nothing is signed.
    signed: list[Reach] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def verify(place: FilePlace, key: str | None = None) -> Iterator[Verified]:
    """Check every topic, one after the other. `key`: the thumbprint of the key that must have signed the log, if given.

    Raises: PlaceAwayError. Any damage is reported in the results instead.
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
            verified.wrong, missing = [missing], ""  # said once; then whatever folders there are get checked
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
    """Read a partition of the log, and compare it with its signed heads, as far as they reach."""
    check, wrong = PartitionCheck([published.head for published in signed]), len(verified.wrong)
    behind = _Behind(signed[-1].head.segment.end if signed else 0)
    for records in records_kept(place, verified, partition):
        check.take((record.offset, record.value) for record in records if not record.fills_a_gap)
        behind.take(records)
    if len(verified.wrong) > wrong:
        return  # with records missing it cannot match what was signed, and the damage is already reported
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
    """The records of a partition behind those that were signed: offsets `[start, end)`.

    `is_late`: the notary had time to sign some of them. A single tick there does not show that: the archive may have
    been made right after that tick, before it was signed.
    """

    def __init__(self, start: int) -> None:
        self.start, self.end, self.is_late = start, 0, False
        #: The first unsigned tick, and when it was appended, in ms.
        self._first: tuple[datetime, int] | None = None

    def take(self, records: list[ArchivedRecord]) -> None:
        """Take the next records of the partition, in order."""
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
    """The records of a partition in order, one list per piece. Damaged pieces are noted in `verified` and skipped.

    An archiver may replace pieces by a larger one meanwhile; then reading goes on in that one, without repeats.
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
                if newer != manifest:  # an archiver has replaced the piece by a larger one
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
