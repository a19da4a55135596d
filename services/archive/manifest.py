"""What an archive holds of one partition: a list of pieces, sealed by its hash.

    billing.events/3/manifest.json
    billing.events/3/00000000000000000000-00000000000000004711-5d41402abc4b2a76.parquet     offsets 0 to 4710

The manifest is the truth: a file that it does not name is what a kill has left, or what another archiver is about to
name. A file is named by its content, too: so two archivers never write different ones under one name.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from events.topics import CATALOG, EVENTS, TREE_HEADS, USAGE
from services.archive.defects import BrokenArchiveError
from services.kafka import Mark

#: What is kept, in the order in which ends are asked for. What was signed speaks of records of the log, and these of
#: what stood before in the catalog and in `usage`: so what is kept of one has in the others what it speaks of.
TOPICS = (TREE_HEADS, EVENTS, CATALOG, USAGE)
FORMAT = 1
NAME = "manifest.json"
#: Where a piece, a part of one, or a part of a manifest says up to which offset it goes.
_REACHES = re.compile(rf"\d{{20}}-(\d{{20}})-[0-9a-f]{{16}}\.parquet|{re.escape(NAME)}\.(\d{{20}})\.")


class ArchivePiece(msgspec.Struct, frozen=True):
    """A file of records at offsets `[first, next)`. Offsets without a record are ends of transactions, or aborted.

    `size` is what its records take in memory, in bytes; `last_*` is its last record's mark.
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
        """How its file is called."""
        return f"{self.first:020}-{self.next:020}-{self.sha256[:16]}.parquet"

    @property
    def mark(self) -> Mark:
        """What is remembered of its last record."""
        return Mark(self.last_offset, self.last_ms, bytes.fromhex(self.last_digest))


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a file together with its hash."""

    format: int = FORMAT


class Manifest(Sealed, frozen=True):
    """The pieces of one partition, in order."""

    topic: str
    partition: int
    pieces: tuple[ArchivePiece, ...] = ()

    @property
    def folder(self) -> str:
        """Where its files are."""
        return folder_of(self.topic, self.partition)

    @property
    def next(self) -> int:
        """The first offset that is not kept yet."""
        return self.pieces[-1].next if self.pieces else 0

    @property
    def records(self) -> int:
        """How many records it has."""
        return sum(piece.records for piece in self.pieces)

    @property
    def gaps(self) -> Iterator[tuple[int, int]]:
        """Ranges `[start, end)` that Kafka had deleted before they were kept: of `usage` alone, where it forgets."""
        for piece, following in zip(self.pieces, self.pieces[1:], strict=False):
            if piece.next < following.first:
                yield piece.next, following.first


class _Sealed(msgspec.Struct):
    manifest: msgspec.Raw
    sha256: str


S = TypeVar("S", bound=Sealed)
_SEALED = msgspec.json.Decoder(_Sealed)


def folder_of(topic: str, partition: int) -> str:
    """The folder of a partition."""
    return f"{topic}/{partition}"


def part_of(manifest: Manifest) -> str:
    """What a part of its file is named by, so that one that a kill has left is known again."""
    return f".{manifest.next:020}"


def is_passed(name: str, manifest: Manifest) -> bool:
    """Whether a file that is not named is no use to anybody, for what is kept has come to its end.

    It may be of an archiver that is at work, but of one that is behind: that one finds this manifest, and not the one
    that it knew, before it writes its own.
    """
    reaches = _REACHES.match(name)
    return reaches is not None and int(reaches[1] or reaches[2]) <= manifest.next


def seal(content: msgspec.Struct) -> bytes:
    """What a file has: the content, and its hash."""
    raw = msgspec.json.encode(content)
    return msgspec.json.encode(_Sealed(msgspec.Raw(raw), hashlib.sha256(raw).hexdigest())) + b"\n"


def unseal(file: bytes, wanted: type[S], path: str) -> S:
    """The content of a file, which is whole and of this format. Raises: BrokenArchiveError."""
    try:
        outer = _SEALED.decode(file)
        is_whole = hashlib.sha256(bytes(outer.manifest)).hexdigest() == outer.sha256
        sealed = msgspec.json.decode(outer.manifest, type=wanted)
    except msgspec.MsgspecError as error:
        raise BrokenArchiveError(path, f"is no manifest: {error}") from error
    if not is_whole:
        raise BrokenArchiveError(path, "is not as it was written: its hash is another one")
    if sealed.format != FORMAT:
        raise BrokenArchiveError(path, f"is of format {sealed.format}, and this program knows format {FORMAT}")
    return sealed


def manifest_of(content: bytes, topic: str, partition: int, path: str) -> Manifest:
    """The manifest of a file, which is whole and of this partition. Raises: BrokenArchiveError."""
    manifest = unseal(content, Manifest, path)
    if (manifest.topic, manifest.partition) != (topic, partition):
        raise BrokenArchiveError(path, f"is of {manifest.topic}/{manifest.partition}")
    position = 0
    for piece in manifest.pieces:
        may_begin = piece.first >= position if topic == USAGE else piece.first == position
        if not may_begin or not piece.first <= piece.last_offset < piece.next:
            raise BrokenArchiveError(path, f"has a piece {piece.name} where offset {position} was due")
        position = piece.next
    return manifest
