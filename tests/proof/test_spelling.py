"""A document is read as it is spelled, and the command tells by its status what holds."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.proof.cli import verify as command
from services.proof.documents import READER, UnreadableError, read_document, written
from tests.proof.signed_log import SIGNER, signed_log

EXPORT = signed_log().export()


def test_the_command_says_it_and_ends_with_a_status(tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    file.write_text(EXPORT.model_dump_json(by_alias=True, exclude_none=True))
    assert READER.validate_json(file.read_bytes()) == EXPORT
    good = CliRunner().invoke(command, [str(file), "--key", SIGNER.key])
    assert good.exit_code == 0 and good.output.splitlines()[-1] == f"signed with key {SIGNER.key}"
    unnamed = CliRunner().invoke(command, [str(file)])
    assert unnamed.exit_code == 3 and "compare it" in unnamed.output.splitlines()[-1]
    text = file.read_text()
    mark = '\\"measure\\":{\\"tokens\\":\\"'
    place = text.index(mark) + len(mark)
    file.write_text(text[:place] + "7" + text[place + 1 :])
    bad = CliRunner().invoke(command, [str(file)])
    assert bad.exit_code == 1 and "is not the one that was signed" in bad.output
    assert CliRunner().invoke(command, [str(file), "--key", SIGNER.key]).exit_code == 1
    file.write_text("{}")
    assert "is no document of" in str(CliRunner().invoke(command, [str(file)]).exception)


@pytest.mark.parametrize(
    "total", ['"4.350E1"', '"4_3.50"', '"+43.50"', '" 43.50"', '"043.50"', '"\u0664\u0663.50"', "43.50", '"NaN"']
)
def test_a_number_in_another_notation_is_refused(total: str) -> None:
    text = written(EXPORT)
    assert text.count('"total":"43.50"') == 1
    with pytest.raises(UnreadableError, match=r"total is not spelled|must be a"):
        read_document(text.replace('"total":"43.50"', f'"total":{total}').encode(), "bill.json")


def test_what_a_person_would_read_otherwise_than_a_program_is_refused() -> None:
    text = written(EXPORT)
    assert read_document(text.encode(), "bill.json") == EXPORT
    for change, why in [
        (('"total":"43.50"', '"total":"1.00","total":"43.50"'), "its member 'total' stands 2 times"),
        (('"lines":[{', '"lines":[{"note":"paid in full",'), "Extra inputs are not permitted"),
        (('"place":', '"place":"", "place":'), "stands 2 times"),
        (('"lines":[{', f'"lines":[{"[" * 100_000}{{'), "no document of"),
        (('"kind":"bill"', '"kind":"\ud800"'), "no document of"),
    ]:
        with pytest.raises(UnreadableError, match=why):
            read_document(text.replace(*change, 1).encode(errors="surrogatepass"), "bill.json")


@pytest.mark.parametrize("member", ["offset", "place", "start", "end", "records", "index"])
def test_a_number_that_no_log_has_is_refused(member: str) -> None:
    text = re.sub(rf'"{member}":[0-9]+', f'"{member}":{1 << 70}', written(EXPORT), count=1)
    with pytest.raises(UnreadableError, match="of at most 8 bytes"):
        read_document(text.encode(), "bill.json")
