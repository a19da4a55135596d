"""An archive that somebody has changed: what was tampered with is named."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.topics import CATALOG, EVENTS, TREE_HEADS, USAGE
from services.archive import archiver, partition_counts
from services.archive.defects import AnotherTopicError, BrokenArchiveError
from services.archive.manifest import NAME, Manifest, folder_of, seal
from services.archive.pieces import table_of, write_piece
from services.archive.place import FilePlace
from services.archive.read_back import load, load_all
from services.archive.verifying import verify
from tests.archive.kit import COUNTS, put, some, wrong


@pytest.fixture
def whole(tmp_path: Path) -> FilePlace:
    """An archive of all topics."""
    place = FilePlace(str(tmp_path))
    partition_counts.begun(place, COUNTS)
    for topic, partition in (
        (TREE_HEADS, 0),
        (TREE_HEADS, 1),
        (EVENTS, 0),
        (EVENTS, 1),
        (CATALOG, 0),
        (USAGE, 0),
        (USAGE, 1),
    ):
        put(place, topic, partition, some(0, 40))
        put(place, topic, partition, some(40, 10))
    return place


def test_an_archive_that_is_as_it_was_written_says_what_it_holds(whole: FilePlace) -> None:
    assert [
        (verdict.topic, verdict.partitions, verdict.records, verdict.files, verdict.wrong, verdict.gaps)
        for verdict in verify(whole)
    ] == [
        (TREE_HEADS, 2, 100, 4, [], []),
        (EVENTS, 2, 100, 4, [], []),
        (CATALOG, 1, 50, 2, [], []),
        (USAGE, 2, 100, 4, [], []),
    ]


def changed_byte(tmp_path: Path) -> tuple[Path, str]:
    file = sorted((tmp_path / EVENTS / "1").glob("*.parquet"))[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return file, "is not as it was written"


def gone(tmp_path: Path) -> tuple[Path, str]:
    file = sorted((tmp_path / USAGE / "1").glob("*.parquet"))[1]
    file.unlink()
    return file, "is gone"


def changed_manifest(tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / CATALOG / "0" / NAME
    file.write_bytes(file.read_bytes().replace(b'"first":40', b'"first":41'))
    return file, "is not as it was written"


def lost_manifest(tmp_path: Path) -> tuple[Path, str]:
    (tmp_path / EVENTS / "0" / NAME).unlink()
    return tmp_path / EVENTS / "0" / NAME, "is gone"


def no_manifest(tmp_path: Path) -> tuple[Path, str]:
    (tmp_path / CATALOG / "0" / NAME).write_text("{")
    return tmp_path / CATALOG / "0" / NAME, "is no manifest"


def lost_partition(tmp_path: Path) -> tuple[Path, str]:
    shutil.rmtree(tmp_path / EVENTS / "0")
    return tmp_path / EVENTS / "0" / NAME, "is gone"


def lost_last_partition(tmp_path: Path) -> tuple[Path, str]:
    shutil.rmtree(tmp_path / EVENTS / "1")
    return tmp_path / EVENTS / "1" / NAME, "is gone, or a first pass has not come to it"


def lost_topic(tmp_path: Path) -> tuple[Path, str]:
    shutil.rmtree(tmp_path / CATALOG)
    return tmp_path / CATALOG / "0" / NAME, "is gone"


def lost_counts(tmp_path: Path) -> tuple[Path, str]:
    (tmp_path / partition_counts.NAME).unlink()
    return tmp_path / partition_counts.NAME, "is gone"


def changed_counts(tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / partition_counts.NAME
    file.write_bytes(file.read_bytes().replace(b'"usage":2', b'"usage":1'))
    return file, "is not as it was written"


def fewer_counts(tmp_path: Path) -> tuple[Path, str]:
    """By somebody who writes this file as we do."""
    partition_counts.put_counts(FilePlace(str(tmp_path)), {**COUNTS, USAGE: 1})
    return tmp_path / USAGE / "1", f"is none of the 1 partitions that {partition_counts.NAME} says there are"


def other_records(tmp_path: Path) -> tuple[Path, str]:
    """A file of another partition, with a manifest to it: only what it says of its records tells."""
    manifest = load(FilePlace(str(tmp_path)), EVENTS, 0)
    file = tmp_path / EVENTS / "1" / manifest.pieces[0].name
    file.write_bytes((tmp_path / EVENTS / "0" / manifest.pieces[0].name).read_bytes())
    (tmp_path / EVENTS / "1" / NAME).write_bytes(seal(Manifest(EVENTS, 1, pieces=manifest.pieces)))
    return file, "has other records than its manifest says"


def rewritten(tmp_path: Path, content: bytes, **said: object) -> Path:
    """The only piece of the catalog with another content, by somebody who writes manifests as we do."""
    piece = load(FilePlace(str(tmp_path)), CATALOG, 0).pieces[-1]
    piece = msgspec.structs.replace(piece, first=0, sha256=hashlib.sha256(content).hexdigest(), **said)
    (tmp_path / CATALOG / "0" / piece.name).write_bytes(content)
    (tmp_path / CATALOG / "0" / NAME).write_bytes(seal(Manifest(CATALOG, 0, pieces=(piece,))))
    return tmp_path / CATALOG / "0" / piece.name


def no_records(tmp_path: Path) -> tuple[Path, str]:
    return rewritten(tmp_path, b"no records"), "is no file of records"


def not_one_record(tmp_path: Path) -> tuple[Path, str]:
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(0, []), sink)
    return rewritten(tmp_path, sink.getvalue().to_pybytes(), records=0), "has offsets that its manifest does not say"


def no_digest(tmp_path: Path) -> tuple[Path, str]:
    rewritten(tmp_path, b"", last_digest="none")
    return tmp_path / CATALOG / "0" / NAME, "has a piece"


def nested_manifest(tmp_path: Path) -> tuple[Path, str]:
    (tmp_path / CATALOG / "0" / NAME).write_bytes(b'{"sha256":"","manifest":' + b"[" * 100_000)
    return tmp_path / CATALOG / "0" / NAME, "is no manifest"


@pytest.mark.parametrize(
    "tamper",
    [
        changed_byte, gone, changed_manifest, lost_manifest, no_manifest, lost_partition, lost_last_partition,
        lost_topic, lost_counts, changed_counts, fewer_counts, other_records,
        no_records, not_one_record, no_digest, nested_manifest,
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(
    whole: FilePlace, tmp_path: Path, tamper: Callable[[Path], tuple[Path, str]]
) -> None:
    file, what = tamper(tmp_path)
    assert any(line.startswith(f"{file} {what}") for line in wrong(whole)), wrong(whole)
    if file.suffix != ".parquet":
        with pytest.raises(BrokenArchiveError, match=what):
            load_all(whole)


def test_a_first_pass_that_was_killed_is_no_whole_archive(tmp_path: Path) -> None:
    place = FilePlace(str(tmp_path))
    assert partition_counts.begun(place, COUNTS) == COUNTS
    for topic, partition in ((TREE_HEADS, 0), (TREE_HEADS, 1), (EVENTS, 0)):
        put(place, topic, partition, some(0, 4))
    assert [line.partition(" is gone")[0] for line in wrong(place)] == [
        f"{tmp_path}/{folder}/{NAME}" for folder in ("billing.events/1", "billing.catalog/0", "usage/0", "usage/1")
    ]
    with pytest.raises(BrokenArchiveError, match=r"billing\.events/1/manifest\.json is gone, or a first pass"):
        load_all(place)


def test_a_lost_count_is_written_again_and_fewer_partitions_are_another_cluster(
    whole: FilePlace, tmp_path: Path
) -> None:
    (tmp_path / partition_counts.NAME).unlink()
    kept = partition_counts.begun(whole, COUNTS)
    assert kept == COUNTS and wrong(whole), "not before all that is there was compared"
    partition_counts.ended(whole, kept)
    assert partition_counts.counts_of(whole) == COUNTS and not wrong(whole)
    with pytest.raises(AnotherTopicError, match=r"usage/1 is not the one .* has 1 partitions, and 2 are kept"):
        partition_counts.begun(whole, {**COUNTS, USAGE: 1})
    assert partition_counts.begun(whole, {**COUNTS, USAGE: 3}) == COUNTS, "the third is counted when its turn comes"


def test_files_without_their_manifest_are_left_to_people(whole: FilePlace, tmp_path: Path) -> None:
    lost_manifest(tmp_path)
    with pytest.raises(BrokenArchiveError, match="is gone"):
        archiver._cleaned(whole, EVENTS, 0)
    assert len(whole.names(folder_of(EVENTS, 0))) == 2


def test_of_usage_what_kafka_had_deleted_before_is_said_and_of_the_log_it_is_wrong(whole: FilePlace) -> None:
    for topic in (USAGE, EVENTS):
        known = load(whole, topic, 0)
        piece = write_piece(whole, known, table_of(0, some(70, 5)), 70, 75)
        whole.write(f"{known.folder}/{NAME}", seal(Manifest(topic, 0, pieces=(*known.pieces, piece))))
    found = {verdict.topic: verdict for verdict in verify(whole)}
    assert found[USAGE].gaps == ["usage/0 lacks offsets 50 to 69"] and not found[USAGE].wrong
    assert "has a piece" in found[EVENTS].wrong[0]
