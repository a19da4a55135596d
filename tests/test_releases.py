"""CHANGELOG.md says what each release writes: whoever reads why a process stopped finds there which one is needed."""

import re
from importlib.metadata import version
from pathlib import Path

from events.facts import FACTS
from projections.readmodels.registry import VERSION
from services.migrate.migrate import MIGRATIONS

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()


def newest() -> dict[str, str]:
    """The column of this release in "What needs what": what stands there, by the first column."""
    table = CHANGELOG.partition("## What needs what")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert rows[0][-1] == version("trueup"), "the last column is of this release"
    return {needs: ours for needs, *_, ours in rows[2:]}


def test_the_newest_section_is_of_this_version() -> None:
    [_, (first, _), *_] = re.findall(r"^## (\S+)(.*)$", CHANGELOG, re.MULTILINE)
    assert first == version("trueup")


def test_every_fact_whose_version_was_raised_stands_in_the_table_with_it() -> None:
    rows = [(names, int(told)) for names, told in newest().items() if told.isdigit()]
    named = {name: told for names, told in rows for name in re.findall(r"`(\w+)`", names)}
    assert named == {name: fact.schema_version for name, fact in FACTS.items() if fact.schema_version > 1}


def test_the_table_names_the_read_models_and_the_last_migration() -> None:
    column = newest()
    assert column["read models"] == f"`{VERSION}`"
    assert column["event store, its last migration"] == f"`{max(path.name for path in MIGRATIONS.glob('*.sql'))}`"
