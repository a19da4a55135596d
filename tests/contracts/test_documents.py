"""The committed contracts are what the code says now, and what their own standards ask of them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.contracts.cli import OPENAPI, NoReadmeError, contracts, documents
from services.contracts.readme_table import BEGIN, END, replaced, table

ROOT = Path(__file__).parent.parent.parent
BEHIND = "{} is not what the code says: run `make contracts` (or `trueup contracts`) and commit what it writes"


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return dict(documents(ROOT))


def test_the_committed_contracts_are_what_the_code_says(made: dict[Path, str]) -> None:
    for file, text in made.items():
        assert (ROOT / file).read_text() == text, BEHIND.format(file)


def test_the_command_writes_all_of_them(tmp_path: Path, made: dict[Path, str]) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    done = CliRunner().invoke(contracts, [str(tmp_path)], catch_exceptions=False)
    assert done.output.splitlines() == [str(tmp_path / file) for file in made]
    assert (tmp_path / OPENAPI).read_text() == made[OPENAPI]
    written = (tmp_path / "README.md").read_text()
    assert written.startswith(f"before\n{BEGIN}\nBelow `/") and written.endswith(f"{END}\nafter\n")


def test_the_command_wants_the_repository(tmp_path: Path) -> None:
    with pytest.raises(NoReadmeError, match="run it in the repository"):
        CliRunner().invoke(contracts, [str(tmp_path)], catch_exceptions=False)


def test_a_readme_without_a_place_for_the_table_is_refused(made: dict[Path, str]) -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        replaced("nothing", json.loads(made[OPENAPI]))


def test_the_table_has_a_line_for_every_path_and_all_its_methods(made: dict[Path, str]) -> None:
    document = json.loads(made[OPENAPI])
    lines = table(document).splitlines()
    below, others = lines[: lines.index("At the root:")], lines[lines.index("At the root:") :]
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) == len(document["paths"])
    assert "| `/contracts/{id}` | GET, PUT, DELETE | get a contract; replace a contract; delete a contract |" in below
    assert "| `/health` | GET | whether this process serves |" in others
    asked = [method for methods in document["paths"].values() for method in methods]
    assert sum(len(row.split(" | ")[1].split(", ")) for row in rows) == len(asked)
