"""Files of an archive: every byte of a record, what a kill leaves, what somebody has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.topics import EVENTS, USAGE
from services.archive import archiver
from services.archive.defects import (
    AnotherArchiverError,
    BrokenArchiveError,
    ExtraMissingError,
    NoArchiveError,
    PlaceAwayError,
    PlaceError,
    with_extra,
)
from services.archive.manifest import NAME, Manifest, folder_of, manifest_of, seal
from services.archive.pieces import ArchivedRecord, read_piece, records_of, table_of, write_piece
from services.archive.place import FilePlace
from services.archive.read_back import load, load_all
from services.archive.verifying import Verified, records_kept
from tests.archive.kit import Fetched, put, records, some

#: What a log may hold: nothing at all, bytes that are no text, a name that is no UTF-8, one name twice.
ODD = [
    Fetched(0, key=None, value=None),
    Fetched(1, key=b"", value=b"", headers=[("a", None), ("a", b""), ("", b"\x00\xff")]),
    Fetched(4, timestamp=-1, timestamp_type=0, value=b"\xff" * 70_000, headers=[("n\udcff", b"1")]),
]


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> FilePlace:
    """A folder, and what stands for an object store."""
    return FilePlace(str(tmp_path / "kept") if request.param == "folder" else f"memory://{tmp_path}")


def test_every_byte_of_a_record_is_kept(place: FilePlace) -> None:
    piece = write_piece(place, Manifest(EVENTS, 3), table_of(3, ODD), 0, 7)
    table = read_piece(place, Manifest(EVENTS, 3), piece)
    assert list(records_of(table)) == [
        ArchivedRecord(0, 1_700_000_000_000, 1, None, None, []),
        ArchivedRecord(1, 1_700_000_000_000, 1, b"", b"", [(b"a", None), (b"a", b""), (b"", b"\x00\xff")]),
        ArchivedRecord(4, -1, 0, b"key", b"\xff" * 70_000, [(b"n\xff", b"1")]),
    ]
    assert table["partition"].to_pylist() == [3, 3, 3]
    assert (piece.first, piece.next, piece.records) == (0, 7, 3)
    assert list(records_of(table))[-1].mark == piece.mark


def test_small_pieces_grow_together_and_nothing_is_there_twice(place: FilePlace) -> None:
    for start in range(0, 40, 4):
        manifest = put(place, USAGE, 0, some(start, 4))
    assert len(manifest.pieces) <= 4 and manifest.records == 40 and manifest.next == 40
    assert len(place.names(folder_of(USAGE, 0))) <= 1 + 2 * 4, "those that were replaced last are there still"
    archiver._cleaned(place, USAGE, 0)
    assert place.names(folder_of(USAGE, 0)) == sorted([NAME, *(piece.name for piece in manifest.pieces)])
    assert [record.offset for record in records(place, manifest)] == list(range(40))


def test_who_reads_while_pieces_grow_together_misses_nothing(place: FilePlace) -> None:
    for start, count in ((0, 8), (8, 4)):
        put(place, USAGE, 0, some(start, count))
    told = Verified(USAGE)
    reading = records_kept(place, told, 0)
    found = [record.offset for record in next(reading)]
    for start in (12, 16):
        put(place, USAGE, 0, some(start, 4))
    found += [record.offset for some_of_them in reading for record in some_of_them]
    assert found == list(range(20)) and not told.wrong


class KilledError(BaseException):
    """As SIGKILL: nobody cleans up."""


@pytest.mark.parametrize("call", range(1, 12))
def test_a_kill_at_any_moment_leaves_what_was_or_what_is(
    place: FilePlace, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, EVENTS, 0, some(0, 4))
    left = call

    def killing(method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                raise KilledError
            return method(*arguments, **named)

        return called

    with monkeypatch.context() as patched:
        for name in ("open", "mv", "rm_file"):
            patched.setattr(place._fs, name, killing(getattr(place._fs, name)))
        try:
            put(place, EVENTS, 0, some(4, 8))
            assert left > 0, "the kill came"
        except KilledError:
            pass
    manifest = load(place, EVENTS, 0)
    assert manifest.next in (4, 12)
    if manifest.next == 4:
        put(place, EVENTS, 0, some(4, 8))
    cleaned = archiver._cleaned(place, EVENTS, 0)  # what was left is passed now
    assert place.names(folder_of(EVENTS, 0)) == sorted([NAME, *(piece.name for piece in cleaned.pieces)])
    assert [record.offset for record in records(place, cleaned)] == list(range(12))


def test_two_who_write_one_archive_are_told(place: FilePlace) -> None:
    known = archiver._cleaned(place, EVENTS, 0)
    put(place, EVENTS, 0, some(0, 4))
    with pytest.raises(AnotherArchiverError, match="another `trueup archive` is at work"):
        archiver._put(place, known, table_of(0, some(0, 5)), 0, 5, most=10_000)
    assert load(place, EVENTS, 0).next == 4


@pytest.mark.parametrize("moment", ["before the manifest", "while the manifest is written"])
def test_of_two_at_once_none_takes_a_file_from_the_other(
    place: FilePlace, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has written its piece, and perhaps compared the manifest; another one begins, and goes as far as it comes."""
    put(place, EVENTS, 0, some(0, 4))
    other, known = FilePlace(place.url), archiver._cleaned(place, EVENTS, 0)
    move = place._fs.mv

    def moving(source: str, target: str) -> None:
        """The other one's turn comes once: behind the piece, or right before the manifest's name changes."""
        if target.endswith(".parquet") and moment == "before the manifest":
            move(source, target)
            monkeypatch.undo()
            archiver._cleaned(other, EVENTS, 0)
        elif target.endswith(NAME):
            monkeypatch.undo()
            archiver._put(other, archiver._cleaned(other, EVENTS, 0), table_of(0, some(4, 6)), 4, 10, most=10_000)
            move(source, target)
        else:
            move(source, target)

    monkeypatch.setattr(place._fs, "mv", moving)
    made = archiver._put(place, known, table_of(0, some(4, 2)), 4, 6, most=10_000)
    assert load(place, EVENTS, 0) == made
    for piece in made.pieces:
        read_piece(place, made, piece)


def test_a_manifest_of_a_newer_program_is_not_guessed_at() -> None:
    newer = seal(Manifest(EVENTS, 0, format=2))
    with pytest.raises(BrokenArchiveError, match="is of format 2, and this program knows format 1"):
        manifest_of(newer, EVENTS, 0, "here")
    with pytest.raises(BrokenArchiveError, match=r"is of billing.events/0"):
        manifest_of(seal(Manifest(EVENTS, 0)), EVENTS, 1, "here")


def test_a_place_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="nope://here cannot be reached: Protocol not known"):
        FilePlace("nope://here")
    with pytest.raises(NoArchiveError, match="holds no archive"):
        load_all(FilePlace(str(tmp_path)))
    (tmp_path / "file").write_text("")
    with pytest.raises(PlaceAwayError, match=f"{tmp_path}/file/billing.events/0/manifest.json could not be written"):
        FilePlace(str(tmp_path / "file")).write("billing.events/0/manifest.json", b"")


def test_what_the_extra_brings_is_asked_for_by_name() -> None:
    with pytest.raises(ExtraMissingError, match=r"\(pyarrow\): `pip install 'trueup\[archive\]'`"), with_extra():
        raise ModuleNotFoundError(name="pyarrow.parquet")
    with pytest.raises(ModuleNotFoundError), with_extra():
        raise ModuleNotFoundError(name="elsewhere")
