"""An archive that somebody has changed: what was tampered with is named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from events.topics import CATALOG, EVENTS, TREE_HEADS, USAGE
from services.archive import counting, keeping
from services.archive.cli import archive
from services.archive.errors import AnotherTopicError, BrokenArchiveError
from services.archive.manifest import NAME, Manifest, folder_of, seal
from services.archive.pieces import read_piece, records_of, table_of, write_piece
from services.archive.place import Place
from services.archive.reading import load, load_all
from services.archive.verifying import Reach, verify
from tests.archive.kit import Fetched, put, some
from tests.proof.signed_log import OTHER_SIGNER, SIGNER, signed_log, tokens_of

COUNTS = {TREE_HEADS: 2, EVENTS: 2, CATALOG: 1, USAGE: 2}


@pytest.fixture
def whole(tmp_path: Path) -> Place:
    """An archive of all topics."""
    place = Place(str(tmp_path))
    counting.begun(place, COUNTS)
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


def wrong(place: Place) -> list[str]:
    return [one for found in verify(place) for one in found.wrong]


def test_an_archive_that_is_as_it_was_written_says_what_it_holds(whole: Place) -> None:
    assert [(one.topic, one.partitions, one.records, one.files, one.wrong, one.gaps) for one in verify(whole)] == [
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
    (tmp_path / counting.NAME).unlink()
    return tmp_path / counting.NAME, "is gone"


def changed_counts(tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / counting.NAME
    file.write_bytes(file.read_bytes().replace(b'"usage":2', b'"usage":1'))
    return file, "is not as it was written"


def fewer_counts(tmp_path: Path) -> tuple[Path, str]:
    """By somebody who writes this file as we do."""
    counting.put_counts(Place(str(tmp_path)), {**COUNTS, USAGE: 1})
    return tmp_path / USAGE / "1", f"is none of the 1 partitions that {counting.NAME} says there are"


def other_records(tmp_path: Path) -> tuple[Path, str]:
    """A file of another partition, with a manifest to it: only what it says of its records tells."""
    manifest = load(Place(str(tmp_path)), EVENTS, 0)
    file = tmp_path / EVENTS / "1" / manifest.pieces[0].name
    file.write_bytes((tmp_path / EVENTS / "0" / manifest.pieces[0].name).read_bytes())
    (tmp_path / EVENTS / "1" / NAME).write_bytes(seal(Manifest(EVENTS, 1, pieces=manifest.pieces)))
    return file, "has other records than its manifest says"


@pytest.mark.parametrize(
    "tamper",
    [
        changed_byte, gone, changed_manifest, lost_manifest, no_manifest, lost_partition, lost_last_partition,
        lost_topic, lost_counts, changed_counts, fewer_counts, other_records,
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(
    whole: Place, tmp_path: Path, tamper: Callable[[Path], tuple[Path, str]]
) -> None:
    file, what = tamper(tmp_path)
    assert any(line.startswith(f"{file} {what}") for line in wrong(whole)), wrong(whole)
    if file.suffix != ".parquet":
        with pytest.raises(BrokenArchiveError, match=what):
            load_all(whole)


def test_a_first_pass_that_was_killed_is_no_whole_archive(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    assert counting.begun(place, COUNTS) == COUNTS
    for topic, partition in ((TREE_HEADS, 0), (TREE_HEADS, 1), (EVENTS, 0)):
        put(place, topic, partition, some(0, 4))
    assert [line.partition(" is gone")[0] for line in wrong(place)] == [
        f"{tmp_path}/{folder}/{NAME}" for folder in ("billing.events/1", "billing.catalog/0", "usage/0", "usage/1")
    ]
    with pytest.raises(BrokenArchiveError, match=r"billing\.events/1/manifest\.json is gone, or a first pass"):
        load_all(place)


def test_a_lost_count_is_written_again_and_fewer_partitions_are_another_cluster(whole: Place, tmp_path: Path) -> None:
    (tmp_path / counting.NAME).unlink()
    kept = counting.begun(whole, COUNTS)
    assert kept == COUNTS and wrong(whole), "not before all that is there was compared"
    counting.ended(whole, kept)
    assert counting.counts_of(whole) == COUNTS and not wrong(whole)
    with pytest.raises(AnotherTopicError, match=r"usage/1 is not the one .* has 1 partitions, and 2 are kept"):
        counting.begun(whole, {**COUNTS, USAGE: 1})
    assert counting.begun(whole, {**COUNTS, USAGE: 3}) == COUNTS, "the third is counted when its turn comes"


def test_files_without_their_manifest_are_left_to_people(whole: Place, tmp_path: Path) -> None:
    lost_manifest(tmp_path)
    with pytest.raises(BrokenArchiveError, match="is gone"):
        keeping._cleaned(whole, EVENTS, 0)
    assert len(whole.names(folder_of(EVENTS, 0))) == 2


@pytest.fixture
def signed(tmp_path: Path) -> Place:
    """An archive of a log that a notary has signed."""
    return signed_until(tmp_path)


def signed_until(folder: Path, heads_of_log: int | None = None, ms: Callable[[int], int] = lambda _: 0) -> Place:
    """The same with so many heads of the log alone; `ms` is when the record at an offset was appended."""
    place, log = Place(str(folder)), signed_log()
    counting.begun(place, dict.fromkeys(COUNTS, 1))
    heads = [
        token
        for where, records in log.records.items()
        for token in tokens_of(records, where)[: heads_of_log if where[0] == EVENTS else None]
    ]
    put(place, TREE_HEADS, 0, [Fetched(offset, value=token.encode()) for offset, token in enumerate(heads)])
    put(place, USAGE, 0, some(0, 1))
    for (topic, partition), records in log.records.items():
        put(place, topic, partition, [Fetched(offset, ms(offset), value=value) for offset, value in records])
    return place


def test_how_far_the_signature_reaches_is_told(tmp_path: Path) -> None:
    """With the newest heads cut off, whatever stands behind the others is nobody's word: it is told where that begins,
    and is wrong once the notary would have signed it."""
    place = signed_until(tmp_path, 1)
    [reach] = next(one for one in verify(place) if one.topic == EVENTS).signed
    assert 0 < reach.signed < reach.end and reach.is_late and not wrong(place), "nobody said that it is to be signed"
    forge(place, reach.signed, b"another")
    ran = CliRunner().invoke(archive, ["verify", place.url, "--key", SIGNER.key])
    assert f"archive: {EVENTS}/0: signed up to offset {reach.signed} of {reach.end} with key {SIGNER.key}" in ran.output
    assert f"{EVENTS}/0 is signed up to offset {reach.signed} alone, and what stands behind it is" in ran.output
    assert ran.exit_code == 1


@pytest.mark.parametrize("minutes", [14, 15])
def test_what_was_just_appended_need_not_be_signed_yet(tmp_path: Path, minutes: int) -> None:
    """The last tick is not signed, and a record came so many minutes later."""
    last = len(signed_log().records[EVENTS, 0]) - 1
    place = signed_until(tmp_path, -1, ms=lambda offset: minutes * 60_000 * (offset == last))
    [reach] = next(one for one in verify(place, SIGNER.key) if one.topic == EVENTS).signed
    assert reach.is_late == (minutes == 15)
    ran = CliRunner().invoke(archive, ["verify", place.url, "--key", SIGNER.key])
    assert ran.exit_code == (minutes == 15) and f"signed up to offset {reach.signed} of {last + 1}" in ran.output


def forge(place: Place, number: int, value: bytes) -> None:
    """Another value in a record of the log, by somebody who writes files and manifests as we do."""
    manifest = load(place, EVENTS, 0)
    [piece] = manifest.pieces
    forged = [Fetched(*one[:5], ()) for one in records_of(read_piece(place, manifest, piece))]
    forged[number] = replace(forged[number], value=value)
    written = write_piece(place, manifest, table_of(0, forged), piece.first, piece.next)
    place.write(f"{manifest.folder}/{NAME}", seal(Manifest(EVENTS, 0, pieces=(written,))))


def test_a_log_that_was_signed_is_what_was_signed(signed: Place) -> None:
    found = {one.topic: one for one in verify(signed, SIGNER.key)}
    assert not [line for one in found.values() for line in one.wrong]
    assert found[EVENTS].signed == [Reach(0, 75, 76, SIGNER.key, is_late=False)]
    assert [one.key for one in found[CATALOG].signed] == [SIGNER.key]


def test_who_forges_a_file_and_its_manifest_forges_no_signature(signed: Place) -> None:
    forge(signed, 5, b"another")
    [line] = wrong(signed)
    assert line.endswith("the records are not those that were signed") and f"{EVENTS}/0 is not what was signed" in line


def test_a_key_that_has_signed_nothing_is_told(signed: Place) -> None:
    found = [line for one in verify(signed, OTHER_SIGNER.key) for line in one.wrong]
    assert found == [f"nothing of {topic}/0 is signed with key {OTHER_SIGNER.key}" for topic in (EVENTS, CATALOG)]


def test_of_usage_what_kafka_had_deleted_before_is_said_and_of_the_log_it_is_wrong(whole: Place) -> None:
    for topic in (USAGE, EVENTS):
        known = load(whole, topic, 0)
        piece = write_piece(whole, known, table_of(0, some(70, 5)), 70, 75)
        whole.write(f"{known.folder}/{NAME}", seal(Manifest(topic, 0, pieces=(*known.pieces, piece))))
    found = {one.topic: one for one in verify(whole)}
    assert found[USAGE].gaps == ["usage/0 lacks offsets 50 to 69"] and not found[USAGE].wrong
    assert "has a piece" in found[EVENTS].wrong[0]
