"""The stories that are played live in the usual suite have all that any story has."""

from pathlib import Path

from services.simulate.yaml_lines import load_yaml
from tests.simulate.covering import Feature, covering, features

FOLDER = Path(__file__).parent.parent / "scenarios"


def test_few_stories_have_what_all_have() -> None:
    stories = {path: {*features(load_yaml(path.read_text()))} for path in FOLDER.rglob("*.yaml")}
    chosen = covering(stories)
    assert len(chosen) < len(stories) / 2
    assert set[Feature]().union(*(stories[path] for path in chosen)) == set[Feature]().union(*stories.values())


def test_features_are_fields_choices_and_steps_in_a_row() -> None:
    steps = [{"bill": {}}, {"usage": {"ts": "2026-01-01T00:00:00Z"}}]
    story = {"scenario": "x", "plans": [{"code": "p", "mode": "CHILD"}], "steps": steps}
    assert {*features(story)} == {
        ("bill", "usage"), ("scenario",), ("code",), ("mode", "CHILD"), ("ts",),
    }  # fmt: skip
