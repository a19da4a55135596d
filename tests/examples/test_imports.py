"""What examples may use is what those outside may use, and each of them is named to its reader."""

import ast

from tests.examples.conftest import ROOT
from tests.modules import imported, sources


def test_examples_use_nothing_that_acts() -> None:
    """The vocabulary of the log and the pure functions are for everybody; services and tests are not."""
    for path in sources("examples"):
        assert not set(imported(ast.parse(path.read_text()))) & {"services", "tests"}, path.name


def test_the_readme_names_every_example() -> None:
    told = (ROOT / "examples/README.md").read_text()
    programs = [path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".sh") or path.is_dir()]
    assert len(programs) > 6
    for path in programs:
        assert path.name == "__pycache__" or f"`{path.name}" in told, path.name
