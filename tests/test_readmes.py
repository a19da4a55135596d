"""The READMEs of rooms: each says what the room is, and names every module in it."""

import re

import pytest

from tests.modules import ROOMS, ROOT, sources


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is(room: str) -> None:
    text = (ROOT / room / "README.md").read_text()
    assert len(text.splitlines()) <= 60
    for heading in ("## What it is", "## What it is not", "## Invariants", "## Time"):
        assert heading in text, f"{room}/README.md has no section {heading!r}"


def described_rooms() -> list[str]:
    """The rooms of services, and the folders of modules inside them, by their path below services."""
    folders = sorted({path.parent for path in sources("services")} - {ROOT / "services"})
    return [str(folder.relative_to(ROOT / "services")) for folder in folders]


@pytest.mark.parametrize("room", described_rooms())
def test_every_room_of_services_says_what_it_is(room: str) -> None:
    folder = ROOT / "services" / room
    text = (folder / "README.md").read_text()
    assert len(text.splitlines()) <= 40
    named = set(re.findall(r"`(\w+\.py)`", text))
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    assert named == modules, f"services/{room}/README.md: missing {modules - named}, not there {named - modules}"
    for path in re.findall(r"`([\w/]+/\w*\.?\w*)`", text):
        assert (folder / path).exists() or (ROOT / path).exists(), f"services/{room}/README.md names {path}"


def test_the_reading_order_of_services_has_every_room() -> None:
    order = (ROOT / "services" / "README.md").read_text().split("## Reading order")[1]
    rooms = {path.name for path in (ROOT / "services").iterdir() if list(path.glob("*.py"))}
    modules = {path.name for path in (ROOT / "services").glob("*.py")} - {"__init__.py"}
    assert rooms == set(re.findall(r"`(\w+)/", order))
    assert modules <= set(re.findall(r"`(\w+\.py)`", order))
