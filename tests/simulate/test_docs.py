"""The story in docs/scenarios.md holds as it stands there."""

from pathlib import Path

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml

DOCS = Path(__file__).parent.parent.parent / "docs" / "scenarios.md"


def test_the_story_of_the_docs_holds() -> None:
    text = DOCS.read_text().split("```yaml\n")[1].split("```")[0]
    found = play(parse_story(load_yaml(text)), MemoryPlayer())
    assert sum(one.step.expect is not None for one in found) == 2
    assert not [one.differences for one in found if one.differences]
