"""The two billers agree on bills at thresholds, and on what runs between them leave or bring up to date (rules
8.15).
"""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from .agreement import disagreements
from .generate import scenario_of
from .reading import instant

LONG_RUN = 4_000


def with_thresholds(seed: int) -> dict[str, Any]:
    """The story of a seed, with a threshold for one or two of its accounts, and with runs between its usage."""
    scenario, chance = scenario_of(seed), random.Random(seed)
    codes = [account["code"] for account in scenario["accounts"]]
    billed = chance.sample(codes, min(len(codes), chance.randint(1, 2)))
    rules = [{"code": f"above-{code}", "account": code, "threshold": chance.choice([1, 5, 30])} for code in billed]
    steps = []
    for step in scenario["steps"]:
        steps.append(step)
        if "usage" in step and chance.random() < 0.4:
            day = instant(step["usage"]["ts"]).date() + timedelta(days=chance.randint(0, 9))
            steps.append({"bill": {"date": day}})
    return {**scenario, "thresholdBillings": rules, "steps": steps}


def assert_agreement(seeds: range, folder: Path) -> None:
    found = {seed: disagreements(with_thresholds(seed), folder) for seed in seeds}
    wrong = {seed: texts for seed, texts in found.items() if texts}
    assert not wrong, "\n".join(f"seed {seed}: {texts[0]}" for seed, texts in wrong.items())


def test_seeded_stories_agree(tmp_path: Path) -> None:
    assert_agreement(range(40), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("first", range(0, LONG_RUN, 500))
def test_many_stories_agree(first: int, tmp_path: Path) -> None:
    assert_agreement(range(first, first + 500), tmp_path)
