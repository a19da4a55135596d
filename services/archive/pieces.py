"""Records as Parquet files, byte for byte, so that what is read back is exactly what was in Kafka."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from events.topics import GAP_HEADER
from services.archive.defects import BrokenArchiveError
from services.archive.manifest import ArchivePiece, Manifest
from services.archive.place import FilePlace
from services.kafka import FetchedRecord, Mark, bytes_of_name, digest_of

SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        # In ms since 1970. Its type, as in Kafka: 0 is the time that the writer gave, 1 when the broker appended it.
        pa.field("timestamp", pa.int64(), nullable=False),
        pa.field("timestamp_type", pa.int8(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field(
            "headers",
            pa.list_(pa.struct([pa.field("name", pa.binary(), nullable=False), pa.field("value", pa.binary())])),
            nullable=False,
        ),
    ]
)
#: Columns with few different values, written with a dictionary; and columns to search by, written with statistics.
_FEW, _SORTED = ["partition", "timestamp_type"], ["offset", "timestamp"]


class ArchivedRecord(NamedTuple):
    """An archived record. `timestamp` in ms; `timestamp_type` as in SCHEMA; names of headers are bytes."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[bytes, bytes | None]]

    @property
    def mark(self) -> Mark:
        """Its offset, time and digest, by which it is recognized again."""
        return Mark(self.offset, self.timestamp, digest_of(self.key, self.value))

    @property
    def fills_a_gap(self) -> bool:
        """Whether it is a filler that an earlier restore wrote at an offset where Kafka had no record."""
        return not self.value and any(name == GAP_HEADER.encode() for name, _ in self.headers)


def table_of(partition: int, records: Sequence[FetchedRecord]) -> pa.Table:
    """A table with SCHEMA of these records, in order. They must come from a LogReader with `exact=True`."""
    headers = [[{"name": bytes_of_name(name), "value": value} for name, value in record.headers] for record in records]
    columns: list[Sequence[object]] = [
        [partition] * len(records),
        [record.offset for record in records],
        [record.timestamp for record in records],
        [record.timestamp_type for record in records],
        [record.key for record in records],
        [record.value for record in records],
        headers,
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def records_of(table: pa.Table) -> Iterator[ArchivedRecord]:
    """The table's records, in order."""
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns[1:]]
        for offset, ms, kind, key, value, headers in zip(*columns, strict=True):
            yield ArchivedRecord(
                offset, ms, kind, key, value, [(header["name"], header["value"]) for header in headers]
            )


def write_piece(place: FilePlace, manifest: Manifest, table: pa.Table, first: int, end: int) -> ArchivePiece:
    """Write a table of at least one record, for offsets `[first, end)`, as a file in the manifest's folder.

    The returned piece is not in the manifest yet. Raises: PlaceAwayError.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=_FEW, write_statistics=_SORTED)
    content = sink.getvalue().to_pybytes()
    [last] = records_of(table.slice(table.num_rows - 1))
    piece = ArchivePiece(
        first,
        end,
        table.num_rows,
        table.nbytes,
        hashlib.sha256(content).hexdigest(),
        last.offset,
        last.timestamp,
        last.mark.digest.hex(),
    )
    place.write(f"{manifest.folder}/{piece.name}", content)
    return piece


def read_piece(place: FilePlace, manifest: Manifest, piece: ArchivePiece) -> pa.Table:
    """The records of a piece, in a table with SCHEMA.

    Raises: PieceGoneError if there is no such file; BrokenArchiveError if it is not as it was written; PlaceAwayError.
    """
    path = f"{manifest.folder}/{piece.name}"
    shown, content = place.shown(path), place.read(path)
    if content is None:
        raise PieceGoneError(shown, "is gone")
    if hashlib.sha256(content).hexdigest() != piece.sha256:
        raise BrokenArchiveError(shown, "is not as it was written: its hash is another one")
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise BrokenArchiveError(shown, f"is no file of records: {error}") from error
    if not table.schema.equals(SCHEMA) or table.num_rows != piece.records:
        raise BrokenArchiveError(shown, "does not hold what its manifest says")
    offsets = table["offset"].to_pylist()
    if not offsets or offsets != sorted(set(offsets)) or not piece.first <= offsets[0] <= offsets[-1] < piece.next:
        raise BrokenArchiveError(shown, "has offsets that its manifest does not say")
    [last] = records_of(table.slice(table.num_rows - 1))
    if last.mark != piece.mark or set(table["partition"].unique().to_pylist()) != {manifest.partition}:
        raise BrokenArchiveError(shown, "has other records than its manifest says")
    return table


class PieceGoneError(BrokenArchiveError):
    """{path} {what}"""
