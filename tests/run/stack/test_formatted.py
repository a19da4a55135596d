"""A broker's folder that Kafka's tool has formatted is copied for the next broker, which is another one all the same.

That such a broker starts is shown by nearly all tests on the stack; tests/run/stack/test_embedded.py compares two.
"""

from pathlib import Path

import pytest

from services.run.stack.prepared import META, copy_formatted, keep_formatted, new_id

OWN = ("cluster.id", "directory.id")


def told(data: Path) -> dict[str, str]:
    """The folder's properties."""
    lines = (data / META).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    (made / "bootstrap.checkpoint").write_bytes(b"\x00records")
    (made / META).write_text(f"#\n#a day\nnode.id=1\ndirectory.id={new_id()}\nversion=1\ncluster.id={new_id()}\n")
    keep_formatted(made, tmp_path / "formatted")
    return tmp_path / "formatted"


def test_a_copy_has_all_that_was_made_and_ids_of_its_own(kept: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "data", tmp_path / "two" / "data"
    for data in (first, second):
        copy_formatted(kept, data)
        assert {file.name for file in data.iterdir()} == {META, "bootstrap.checkpoint"}
        assert (data / "bootstrap.checkpoint").read_bytes() == b"\x00records"
    of_each = [told(folder) for folder in (kept, first, second)]
    for name in OWN:
        assert len({properties[name] for properties in of_each}) == 3
    assert len({tuple(value for name, value in document.items() if name not in OWN) for document in of_each}) == 1


def test_the_first_one_stays_and_nothing_lies_about(kept: Path, tmp_path: Path) -> None:
    before = told(kept)
    other = tmp_path / "other"
    other.mkdir()
    (other / META).write_text("cluster.id=other\n")
    keep_formatted(other, kept)
    assert told(kept) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("formatted-")]


def test_where_it_cannot_be_kept_the_next_broker_is_formatted_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / META).write_text("cluster.id=own\n")
    keep_formatted(tmp_path, tmp_path / "gone" / "formatted")
    assert "kafka_format_not_kept" in capsys.readouterr().out


def test_a_copy_that_was_not_finished_is_made_again(kept: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "bootstrap.checkpoint").write_bytes(b"cut")
    (data / f"{META}.draft").write_text("cut")
    copy_formatted(kept, data)
    assert (data / "bootstrap.checkpoint").read_bytes() == b"\x00records"
    assert told(data)["node.id"] == "1"
    assert {file.name for file in data.iterdir()} == {META, "bootstrap.checkpoint"}
