"""How far a file was sent: to whom, what is said if that cannot be known or kept, and what two runs at once leave."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.importing.files import (
    SUFFIX,
    DamagedPositionError,
    FileChangedError,
    ImportPosition,
    SentElsewhereError,
    UnkeptPositionError,
)
from services.run.cli import trueup

HERE, THERE = "http://127.0.0.1:8080", "https://billing.example.com"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "usage.csv"


def at(file: Path, organization: str = "acme", url: str = HERE, digest: str = "a") -> ImportPosition:
    return ImportPosition(file, digest, organization, url)


def line_of(position: ImportPosition) -> int:
    position.go_on()
    return position.line


def beside(file: Path) -> Path:
    return file.with_name(file.name + SUFFIX)


def test_it_is_of_one_file_and_one_organization(file: Path) -> None:
    at(file).reach(7)
    at(file, "other").reach(3)
    assert (line_of(at(file)), line_of(at(file, "other")), line_of(at(file, "third"))) == (7, 3, 0)
    with pytest.raises(FileChangedError, match="has changed since its lines to 7 were sent"):
        at(file, digest="b").go_on()


def test_what_was_sent_to_one_system_is_not_taken_for_sent_to_another(file: Path) -> None:
    at(file).reach(7)
    with pytest.raises(SentElsewhereError, match=rf"to 7 were sent to {HERE}, and not to {THERE}.*--from-start"):
        at(file, url=THERE).go_on()
    at(file, url=THERE).reach(2)  # with --from-start
    assert line_of(at(file, url=THERE)) == 2


def test_a_position_of_an_older_version_names_no_address_and_holds(file: Path) -> None:
    beside(file).write_text(json.dumps({"acme": {"digest": "a", "line": 5}}))
    assert line_of(at(file)) == line_of(at(file, url=THERE)) == 5


@pytest.mark.parametrize("text", ["", '{"acme": {"dig', "[]", '{"acme": 5}', '{"acme": {"digest": "a", "line": "7"}}'])
def test_a_damaged_position_is_named_with_what_mends_it(file: Path, text: str) -> None:
    beside(file).write_text(text)
    with pytest.raises(DamagedPositionError, match=r"usage\.csv\.imported\.json.*is damaged. Delete it"):
        at(file).go_on()


def test_where_it_cannot_be_kept_nothing_is_left_and_it_says_what_was_sent(file: Path) -> None:
    gone = file.parent / "gone" / file.name
    with pytest.raises(UnkeptPositionError, match=r"No such file or directory. Its lines to 7 were sent"):
        at(gone).reach(7)
    beside(file).mkdir()
    with pytest.raises(OSError, match="directory"):
        at(file).reach(7)
    assert list(file.parent.iterdir()) == [beside(file)]


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://[::1", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(file: Path, url: str) -> None:
    file.write_text("account,ts\nacme,2026-01-01\n")
    asked = ["import", str(file), "--url", url, "--organization", "acme"]
    refused = CliRunner().invoke(trueup, asked)
    assert refused.exit_code == 2 and "Invalid value for '--url'" in refused.output, refused.output
