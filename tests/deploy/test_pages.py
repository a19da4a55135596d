"""Nothing that is deployed is left out of what names it, and the pages say what can be done."""

import re
from pathlib import Path

import pytest

from services.run.cli import COMMANDS
from tests.deploy.files import KUBERNETES, OPTIONAL, ROOT, documents, read

FILES = read()


def test_nothing_is_left_out_of_the_kustomizations() -> None:
    there = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert there == set(FILES.kustomization["resources"])
    [component] = documents(KUBERNETES / "keda" / "kustomization.yaml")
    assert component["resources"] == [path.name for path in (KUBERNETES / "keda").glob("scaled*.yaml")]
    for name in OPTIONAL:
        [component] = documents(KUBERNETES / name / "kustomization.yaml")
        assert component["kind"] == "Component"
        assert component["resources"] == [f"{name}.yaml"]
        assert {path.name for path in (KUBERNETES / name).iterdir()} == {"kustomization.yaml", f"{name}.yaml"}


def test_what_is_copied_into_the_image_is_there_and_reaches_the_build() -> None:
    let_through = {line[1:].split("/")[0] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = [line.split()[:-1] for line in FILES.instructions("COPY") if not line.startswith("--from=")]
    names = {name.removeprefix("./") for line in copied for name in line}
    assert names == let_through
    assert all((ROOT / name).exists() for name in names)


@pytest.mark.parametrize("page", [ROOT / "docs" / "deploy.md", KUBERNETES / "README.md"], ids=lambda page: page.name)
def test_a_page_names_commands_that_there_are(page: Path) -> None:
    named = re.findall(r"(?:^ +|/|-- |`)trueup ([a-z][a-z-]+)", page.read_text(), re.MULTILINE)
    assert named and set(named) <= COMMANDS.keys()


@pytest.mark.parametrize("page", [ROOT / "docs" / "deploy.md", KUBERNETES / "README.md"], ids=lambda page: page.name)
def test_a_page_counts_its_steps_and_what_is_typed_stands_apart(page: Path) -> None:
    for section in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE):
        title, _, text = section.partition("\n")
        steps = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
        assert steps == list(range(1, len(steps) + 1)), title
        # Markdown runs it together with a paragraph that ends on the line before.
        assert not re.search(r"^\S.*\n {4}\S", text, re.MULTILINE), title
