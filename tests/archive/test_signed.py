"""An archive compared with what was signed of the log: what is another one, and how far the signature reaches."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from events.topics import CATALOG, EVENTS, GAP_HEADER, TREE_HEADS, USAGE
from services.archive import partition_counts
from services.archive.cli import archive
from services.archive.manifest import NAME, Manifest, seal
from services.archive.pieces import read_piece, records_of, table_of, write_piece
from services.archive.place import FilePlace
from services.archive.read_back import load
from services.archive.verifying import Reach, verify
from tests.archive.kit import COUNTS, Fetched, put, some, wrong
from tests.proof.signed_log import OTHER_SIGNER, SIGNER, signed_log, tokens_of


@pytest.fixture
def signed(tmp_path: Path) -> FilePlace:
    """An archive of a log that a notary has signed."""
    return signed_until(tmp_path)


def signed_until(folder: Path, heads_of_log: int | None = None, ms: Callable[[int], int] = lambda _: 0) -> FilePlace:
    """The same with so many heads of the log alone; `ms` is when the record at an offset was appended."""
    place, log = FilePlace(str(folder)), signed_log()
    partition_counts.begun(place, dict.fromkeys(COUNTS, 1))
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


def test_what_a_restore_has_put_where_no_record_was_is_none_of_what_was_signed(tmp_path: Path) -> None:
    """A stranger's transaction had ended there, before the log was lost, restored, and archived anew."""
    place, (records, where) = FilePlace(str(tmp_path)), (signed_log().records[EVENTS, 0], (EVENTS, 0))
    partition_counts.begun(place, dict.fromkeys(COUNTS, 1))
    gap = records[len(records) // 3][0]
    heads = tokens_of([one for one in records if one[0] != gap], where)
    put(place, TREE_HEADS, 0, [Fetched(offset, value=token.encode()) for offset, token in enumerate(heads)])
    put(place, USAGE, 0, some(0, 1))
    put(place, CATALOG, 0, some(0, 1))
    filled = Fetched(gap, 0, value=b"", headers=((GAP_HEADER, b""),))
    put(place, EVENTS, 0, [filled if offset == gap else Fetched(offset, 0, value=value) for offset, value in records])
    assert not wrong(place)


def forge(place: FilePlace, number: int, value: bytes) -> None:
    """Another value in a record of the log, by somebody who writes files and manifests as we do."""
    manifest = load(place, EVENTS, 0)
    [piece] = manifest.pieces
    forged = [Fetched(*one[:5], ()) for one in records_of(read_piece(place, manifest, piece))]
    forged[number] = replace(forged[number], value=value)
    written = write_piece(place, manifest, table_of(0, forged), piece.first, piece.next)
    place.write(f"{manifest.folder}/{NAME}", seal(Manifest(EVENTS, 0, pieces=(written,))))


def test_a_log_that_was_signed_is_what_was_signed(signed: FilePlace) -> None:
    found = {one.topic: one for one in verify(signed, SIGNER.key)}
    assert not [line for one in found.values() for line in one.wrong]
    assert found[EVENTS].signed == [Reach(0, 75, 76, SIGNER.key, is_late=False)]
    assert [one.key for one in found[CATALOG].signed] == [SIGNER.key]


def test_who_forges_a_file_and_its_manifest_forges_no_signature(signed: FilePlace) -> None:
    forge(signed, 5, b"another")
    [line] = wrong(signed)
    assert line.endswith("the records are not those that were signed") and f"{EVENTS}/0 is not what was signed" in line


def test_a_key_that_has_signed_nothing_is_told(signed: FilePlace) -> None:
    found = [line for one in verify(signed, OTHER_SIGNER.key) for line in one.wrong]
    assert found == [f"nothing of {topic}/0 is signed with key {OTHER_SIGNER.key}" for topic in (EVENTS, CATALOG)]
