"""The product's settlement and the second biller give the same bills, draws, true-ups and states."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from .agreement import disagreements
from .choosing import as_yaml
from .generate import scenario_of, scenarios

LONG_RUN = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agreement")


@settings(max_examples=50, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios())
def test_generated_stories_agree(scenario: dict[str, Any], folder: Path) -> None:
    found = disagreements(scenario, folder)
    assert not found, "\n".join([*found, as_yaml(scenario)])


def test_seeded_stories_agree(folder: Path) -> None:
    assert_agreement(range(50), folder)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("first", range(0, LONG_RUN, 1000))
def test_many_stories_agree(first: int, folder: Path) -> None:
    assert_agreement(range(first, first + 1000), folder)


def assert_agreement(seeds: range, folder: Path) -> None:
    """Plays every seed, so that one disagreement does not hide the others."""
    found = {seed: disagreements(scenario_of(seed), folder) for seed in seeds}
    wrong = {seed: texts for seed, texts in found.items() if texts}
    assert not wrong, "\n".join(f"seed {seed}: {texts[0]}" for seed, texts in wrong.items())
