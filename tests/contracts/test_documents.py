"""The committed contracts are what the code says now, and what their own standards ask of them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.contracts.command import NoReadmeError, contracts
from services.contracts.documents import OPENAPI, documents
from services.contracts.table import BEGIN, END, replaced, table

ROOT = Path(__file__).parent.parent.parent
BEHIND = "{} is not what the code says: run `make contracts` (or `trueup contracts`) and commit what it writes"
MADE = dict(documents(ROOT))


@pytest.mark.parametrize("file", MADE, ids=str)
def test_a_committed_contract_is_what_the_code_says(file: Path) -> None:
    assert (ROOT / file).read_text() == MADE[file], BEHIND.format(file)


def test_the_command_writes_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    done = CliRunner().invoke(contracts, [str(tmp_path)], catch_exceptions=False)
    assert done.output.splitlines() == [str(tmp_path / file) for file in MADE]
    assert (tmp_path / OPENAPI).read_text() == MADE[OPENAPI]
    written = (tmp_path / "README.md").read_text()
    assert written.startswith(f"before\n{BEGIN}\nBelow `/") and written.endswith(f"{END}\nafter\n")


def test_the_command_wants_the_repository(tmp_path: Path) -> None:
    with pytest.raises(NoReadmeError, match="run it in the repository"):
        CliRunner().invoke(contracts, [str(tmp_path)], catch_exceptions=False)


def test_a_readme_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        replaced("nothing", json.loads(MADE[OPENAPI]))


def test_the_table_has_a_line_for_every_path_and_all_its_methods() -> None:
    document = json.loads(MADE[OPENAPI])
    lines = table(document).splitlines()
    below, others = lines[: lines.index("At the root:")], lines[lines.index("At the root:") :]
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) == len(document["paths"])
    assert "| `/contracts/{id}` | GET, PUT, DELETE | get a contract; replace a contract; delete a contract |" in below
    assert "| `/health` | GET | whether this process serves |" in others
    asked = [method for methods in document["paths"].values() for method in methods]
    assert sum(len(row.split(" | ")[1].split(", ")) for row in rows) == len(asked)
