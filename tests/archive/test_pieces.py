"""Files of an archive: every byte of a record, what a kill leaves, what somebody has changed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from events.topics import CATALOG, EVENTS, USAGE
from services.archive import keeping
from services.archive.errors import (
    AnotherArchiverError,
    BrokenArchiveError,
    ExtraMissingError,
    NoArchiveError,
    PlaceAwayError,
    PlaceError,
    with_extra,
)
from services.archive.manifest import NAME, Manifest, folder_of, sealed, unsealed
from services.archive.pieces import Kept, read_piece, records_of, table_of, write_piece
from services.archive.place import Place
from services.archive.reading import load, load_all, records
from services.archive.verifying import verify


@dataclass(frozen=True)
class Fetched:
    offset: int
    timestamp: int = 1_700_000_000_000
    timestamp_type: int = 1
    key: bytes | None = b"key"
    value: Any = b"value"
    headers: Any = ()


#: What a log may hold: nothing at all, bytes that are no text, a name that is no UTF-8, one name twice.
ODD = [
    Fetched(0, key=None, value=None),
    Fetched(1, key=b"", value=b"", headers=[("a", None), ("a", b""), ("", b"\x00\xff")]),
    Fetched(4, timestamp=-1, timestamp_type=0, value=b"\xff" * 70_000, headers=[("n\udcff", b"1")]),
]


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder, and what stands for an object store."""
    return Place(str(tmp_path / "kept") if request.param == "folder" else f"memory://{tmp_path}")


def some(start: int, count: int) -> list[Fetched]:
    return [Fetched(offset, value=b"%d" % offset) for offset in range(start, start + count)]


def put(place: Place, topic: str, partition: int, fetched: list[Fetched], end: int | None = None) -> Manifest:
    """Keep these behind what is kept already."""
    known = keeping._cleaned(place, topic, partition)
    last = fetched[-1].offset + 1
    return keeping._put(place, known, table_of(partition, fetched), known.next, end or last, most=10_000_000)


def test_every_byte_of_a_record_is_kept(place: Place) -> None:
    piece = write_piece(place, Manifest(EVENTS, 3), table_of(3, ODD), 0, 7)
    table = read_piece(place, Manifest(EVENTS, 3), piece)
    assert list(records_of(table)) == [
        Kept(0, 1_700_000_000_000, 1, None, None, []),
        Kept(1, 1_700_000_000_000, 1, b"", b"", [(b"a", None), (b"a", b""), (b"", b"\x00\xff")]),
        Kept(4, -1, 0, b"key", b"\xff" * 70_000, [(b"n\xff", b"1")]),
    ]
    assert table["partition"].to_pylist() == [3, 3, 3]
    assert (piece.first, piece.next, piece.records) == (0, 7, 3)
    assert list(records_of(table))[-1].mark == piece.mark


async def test_small_pieces_grow_together_and_nothing_is_there_twice(place: Place) -> None:
    for start in range(0, 40, 4):
        manifest = put(place, USAGE, 0, some(start, 4))
    assert len(manifest.pieces) <= 4 and manifest.records == 40 and manifest.next == 40
    assert place.names(folder_of(USAGE, 0)) == sorted([NAME, *(piece.name for piece in manifest.pieces)])
    found = [record.offset async for some_of_them in records(place, manifest, 7) for record in some_of_them]
    assert found == list(range(7, 40))


async def test_who_reads_while_pieces_grow_together_misses_nothing(place: Place) -> None:
    before = put(place, USAGE, 0, some(0, 8))
    before = put(place, USAGE, 0, some(8, 4))
    reading = records(place, before)
    found = [record.offset for record in await anext(reading)]
    put(place, USAGE, 0, some(12, 4))
    found += [record.offset async for some_of_them in reading for record in some_of_them]
    assert found == list(range(16))


class KilledError(BaseException):
    """As SIGKILL: nobody cleans up."""


@pytest.mark.parametrize("call", range(1, 12))
async def test_a_kill_at_any_moment_leaves_what_was_or_what_is(
    place: Place, call: int, monkeypatch: pytest.MonkeyPatch
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
    cleaned = keeping._cleaned(place, EVENTS, 0)
    assert place.names(folder_of(EVENTS, 0)) == sorted([NAME, *(piece.name for piece in cleaned.pieces)])
    assert [one.offset async for some_of_them in records(place, cleaned) for one in some_of_them] == list(range(12))


def test_two_who_write_one_archive_are_told(place: Place) -> None:
    known = keeping._cleaned(place, EVENTS, 0)
    put(place, EVENTS, 0, some(0, 4))
    with pytest.raises(AnotherArchiverError, match="another `trueup archive` is at work"):
        keeping._put(place, known, table_of(0, some(0, 5)), 0, 5, most=10_000)
    assert load(place, EVENTS, 0).next == 4


@pytest.fixture
def whole(tmp_path: Path) -> Place:
    """An archive of all topics."""
    place = Place(str(tmp_path))
    for topic, partition in ((EVENTS, 0), (EVENTS, 1), (CATALOG, 0), (USAGE, 0), (USAGE, 1)):
        put(place, topic, partition, some(0, 40))
        put(place, topic, partition, some(40, 10))
    return place


def wrong(place: Place) -> list[str]:
    return [one for found in verify(place) for one in found.wrong]


def test_an_archive_that_is_as_it_was_written_says_what_it_holds(whole: Place) -> None:
    assert [(one.topic, one.partitions, one.records, one.files, one.wrong, one.gaps) for one in verify(whole)] == [
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
    for file in (tmp_path / EVENTS / "0").iterdir():
        file.unlink()
    (tmp_path / EVENTS / "0").rmdir()
    return tmp_path / EVENTS / "0", "is gone"


def other_records(tmp_path: Path) -> tuple[Path, str]:
    """A file of another partition, with a manifest to it: only what it says of its records tells."""
    manifest = load(Place(str(tmp_path)), EVENTS, 0)
    file = tmp_path / EVENTS / "1" / manifest.pieces[0].name
    file.write_bytes((tmp_path / EVENTS / "0" / manifest.pieces[0].name).read_bytes())
    (tmp_path / EVENTS / "1" / NAME).write_bytes(sealed(Manifest(EVENTS, 1, pieces=manifest.pieces)))
    return file, "has other records than its manifest says"


@pytest.mark.parametrize(
    "tamper", [changed_byte, gone, changed_manifest, lost_manifest, no_manifest, lost_partition, other_records]
)
def test_what_was_tampered_with_is_named(
    whole: Place, tmp_path: Path, tamper: Callable[[Path], tuple[Path, str]]
) -> None:
    file, what = tamper(tmp_path)
    assert any(line.startswith(f"{file} {what}") for line in wrong(whole)), wrong(whole)
    if file.suffix != ".parquet":
        with pytest.raises(BrokenArchiveError, match=what):
            load_all(whole)


def test_files_without_their_manifest_are_left_to_people(whole: Place, tmp_path: Path) -> None:
    lost_manifest(tmp_path)
    with pytest.raises(BrokenArchiveError, match="is gone"):
        keeping._cleaned(whole, EVENTS, 0)
    assert len(whole.names(folder_of(EVENTS, 0))) == 2


def test_of_usage_what_kafka_had_deleted_before_is_said_and_of_the_log_it_is_wrong(whole: Place) -> None:
    for topic in (USAGE, EVENTS):
        known = load(whole, topic, 0)
        keeping._put(whole, known, table_of(0, some(70, 5)), 70, 75, most=10_000_000)
    found = {one.topic: one for one in verify(whole)}
    assert found[USAGE].gaps == ["usage/0 lacks offsets 50 to 69"] and not found[USAGE].wrong
    assert "has a piece" in found[EVENTS].wrong[0]


def test_a_manifest_of_a_newer_program_is_not_guessed_at() -> None:
    newer = sealed(Manifest(EVENTS, 0, format=2))
    with pytest.raises(BrokenArchiveError, match="is of format 2, and this program knows format 1"):
        unsealed(newer, EVENTS, 0, "here")
    with pytest.raises(BrokenArchiveError, match=r"is of billing.events/0"):
        unsealed(sealed(Manifest(EVENTS, 0)), EVENTS, 1, "here")


def test_a_place_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="nope://here cannot be reached: Protocol not known"):
        Place("nope://here")
    with pytest.raises(NoArchiveError, match=r"holds no archive of billing\.events"):
        load_all(Place(str(tmp_path)))
    (tmp_path / "file").write_text("")
    with pytest.raises(PlaceAwayError, match=f"{tmp_path}/file/billing.events/0/manifest.json could not be written"):
        Place(str(tmp_path / "file")).write("billing.events/0/manifest.json", b"")


def test_what_the_extra_brings_is_asked_for_by_name() -> None:
    with pytest.raises(ExtraMissingError, match=r"\(pyarrow\): `pip install 'trueup\[archive\]'`"), with_extra():
        raise ModuleNotFoundError(name="pyarrow.parquet")
    with pytest.raises(ModuleNotFoundError), with_extra():
        raise ModuleNotFoundError(name="elsewhere")
