"""What an archive holds of one partition: a list of pieces, stored together with a hash of the list.

    billing.events/3/manifest.json
    billing.events/3/00000000000000000000-00000000000000004711-5d41402abc4b2a76.parquet     offsets 0 to 4710

Only files that the manifest names count: any other one was left by a kill, or another archiver is about to name it.
A file's name includes part of its content's hash, so two archivers never write different content under one name.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from events.topics import CATALOG, EVENTS, TREE_HEADS, USAGE
from projections.not_json import NOT_JSON
from services.archive.defects import BrokenArchiveError
from services.kafka import Mark

#: The archived topics, in the order in which their end offsets are read. Signatures refer to records of the log, and
#: these to earlier records of the catalog and of `usage`. In this order, whatever a kept record refers to is kept too.
TOPICS = (TREE_HEADS, EVENTS, CATALOG, USAGE)
FORMAT = 1
NAME = "manifest.json"
#: Matches the name of a piece, or of an unfinished piece or manifest; its group is the offset up to which that goes.
_REACHES = re.compile(rf"\d{{20}}-(\d{{20}})-[0-9a-f]{{16}}\.parquet|{re.escape(NAME)}\.(\d{{20}})\.")

#: Matches a digest of a record, as a mark has it.
_DIGEST = re.compile(r"(?:[0-9a-f]{2})*")


class ArchivePiece(msgspec.Struct, frozen=True):
    """A file of records at offsets `[first, next)`.

    An offset without a record held the end of a transaction, or an aborted record. `size`: bytes that the records take
    in memory. `sha256`: of the file. `last_*`: the last record's offset, time in ms and digest (its mark).
    """

    first: int
    next: int
    records: int
    size: int
    sha256: str
    last_offset: int
    last_ms: int
    last_digest: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.first:020}-{self.next:020}-{self.sha256[:16]}.parquet"

    @property
    def mark(self) -> Mark:
        """The mark of the last record: offset, time and digest."""
        return Mark(self.last_offset, self.last_ms, bytes.fromhex(self.last_digest))


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Content of a file that also stores the content's hash."""

    format: int = FORMAT


class Manifest(Sealed, frozen=True):
    """The pieces of one partition, in order."""

    topic: str
    partition: int
    pieces: tuple[ArchivePiece, ...] = ()

    @property
    def folder(self) -> str:
        """The folder of its files, below the archive's root."""
        return folder_of(self.topic, self.partition)

    @property
    def next(self) -> int:
        """The first offset that is not kept yet."""
        return self.pieces[-1].next if self.pieces else 0

    @property
    def records(self) -> int:
        """The number of archived records."""
        return sum(piece.records for piece in self.pieces)

    @property
    def gaps(self) -> Iterator[tuple[int, int]]:
        """Offsets `[start, end)` that Kafka deleted before they were archived; only `usage` has a retention."""
        for piece, following in zip(self.pieces, self.pieces[1:], strict=False):
            if piece.next < following.first:
                yield piece.next, following.first


class _Sealed(msgspec.Struct):
    manifest: msgspec.Raw
    sha256: str


S = TypeVar("S", bound=Sealed)
_SEALED = msgspec.json.Decoder(_Sealed)


def folder_of(topic: str, partition: int) -> str:
    """The folder of a partition's files, below the archive's root."""
    return f"{topic}/{partition}"


def part_of(manifest: Manifest) -> str:
    """A part of the unfinished manifest file's name, so that `is_passed` recognizes one that was left by a kill."""
    return f".{manifest.next:020}"


def is_passed(name: str, manifest: Manifest) -> bool:
    """Whether a file that the manifest does not name may be removed: the manifest reaches at least as far as the file.

    The file may belong to another archiver that is still working, but only to one that is behind. Before that one
    writes a manifest that names the file, it finds this manifest instead of the one it knew, and stops.
    """
    reaches = _REACHES.match(name)
    return reaches is not None and int(reaches[1] or reaches[2]) <= manifest.next


def seal(content: msgspec.Struct) -> bytes:
    """The bytes of a file: the content as JSON, and its SHA-256."""
    raw = msgspec.json.encode(content)
    return msgspec.json.encode(_Sealed(msgspec.Raw(raw), hashlib.sha256(raw).hexdigest())) + b"\n"


def unseal(file: bytes, wanted: type[S], path: str) -> S:
    """The content of a file that `seal` made, as a `wanted`. `path` is for messages.

    Raises: BrokenArchiveError if it cannot be read, its hash is wrong, or its format is another one.
    """
    try:
        outer = _SEALED.decode(file)
        is_whole = hashlib.sha256(bytes(outer.manifest)).hexdigest() == outer.sha256
        sealed = msgspec.json.decode(outer.manifest, type=wanted)
    except NOT_JSON as error:
        raise BrokenArchiveError(path, f"is no manifest: {error}") from error
    if not is_whole:
        raise BrokenArchiveError(path, "is not as it was written: its hash is another one")
    if sealed.format != FORMAT:
        raise BrokenArchiveError(path, f"is of format {sealed.format}, and this program knows format {FORMAT}")
    return sealed


def manifest_of(content: bytes, topic: str, partition: int, path: str) -> Manifest:
    """The manifest in a file. `path` is for messages.

    Raises: BrokenArchiveError if the file is damaged, is of another partition, or its pieces do not follow each other.
    """
    manifest = unseal(content, Manifest, path)
    if (manifest.topic, manifest.partition) != (topic, partition):
        raise BrokenArchiveError(path, f"is of {manifest.topic}/{manifest.partition}")
    position = 0
    for piece in manifest.pieces:
        if not _DIGEST.fullmatch(piece.last_digest):
            raise BrokenArchiveError(path, f"has a piece {piece.name} whose last record has no digest")
        may_begin = piece.first >= position if topic == USAGE else piece.first == position
        if not may_begin or not piece.first <= piece.last_offset < piece.next:
            raise BrokenArchiveError(path, f"has a piece {piece.name} where offset {position} was due")
        position = piece.next
    return manifest
