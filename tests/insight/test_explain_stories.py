"""Every line of every story's bills is explained, and the parts add up to it exactly."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.explain import Explanation
from projections.line_types import LINES, NOT_DERIVED
from services.simulate.play import play
from services.simulate.story import read_story
from tests.insight.explaining import ExplainingPlayer
from tests.settlement.playing import accounts_of, play_terms
from tests.settlement.stories import DAYS, Random, days, families, usage

FOLDER = Path(__file__).parents[1] / "scenarios"
STORIES = sorted(FOLDER.rglob("*.yaml"))


@cache
def explained(path: Path) -> list[Explanation]:
    """Of every line of the story's bills."""
    player = ExplainingPlayer()
    play(read_story(path.read_bytes()), player)
    return player.explained


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_every_line_of_the_story_adds_up(path: Path) -> None:
    for explanation in explained(path):
        assert explanation.adds_up, explanation.document()


def test_the_stories_have_lines_of_every_type() -> None:
    types = {explanation.line.type for path in STORIES for explanation in explained(path)}
    assert types == {row.type for row in LINES.values() if row.rule != NOT_DERIVED and not row.memo}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), families())
def test_every_line_of_random_families_adds_up(data: st.DataObject, family: Random) -> None:
    player = play_terms(family)
    explaining = ExplainingPlayer()
    for name in vars(player):
        setattr(explaining, name, getattr(player, name))
    for _ in range(3):
        for record in data.draw(st.lists(usage(accounts_of(family)), max_size=8)):
            explaining.usage(record)
        explaining.bill(data.draw(days(0, DAYS)), None)
    for explanation in explaining.explained:
        assert explanation.adds_up, explanation.document()


def test_a_charge_follows_its_account_plan_its_plan_and_their_template() -> None:
    player = ExplainingPlayer()
    play(read_story((FOLDER / "a-standing-charge-every-third-bill.yaml").read_bytes()), player)
    [told] = {explanation.resources for explanation in player.explained if explanation.line.type == "STANDING_CHARGE"}
    held = player.resources
    assert told == {*held.account_plans, *held.plans, *held.plan_templates}
