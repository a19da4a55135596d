"""Which stories to play when not all can be: together they have all that any has.

A live story takes most of a second of CPU, nearly all of it in what every story goes through. So the usual suite plays
those that have something of their own, and `make long` all others.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.simulate.yaml_lines import load_yaml

#: A field, wherever it stands, a choice made in a field, a step, or two steps in a row.
Feature = tuple[str, ...]


def covering(stories: Iterable[Path]) -> list[Path]:
    """The stories that have all features, fewest first found: each has most of what those before it lack."""
    left = {path: frozenset(features(load_yaml(path.read_text()))) for path in sorted(stories)}
    wanted, chosen = frozenset[Feature]().union(*left.values()), list[Path]()
    while wanted:
        best = max(left, key=lambda path: len(left[path] & wanted))
        chosen.append(best)
        wanted -= left.pop(best)
    return sorted(chosen)


def features(story: Mapping[str, Any]) -> Iterator[Feature]:
    """Of one story; codes, days and numbers are none."""
    steps = [next(iter(step)) for step in story["steps"]]
    yield from pairwise(steps)
    yield from _in(story, "")


def _in(value: Any, field: str) -> Iterator[Feature]:
    match value:
        case dict():
            for name, inner in value.items():  # a month or a code that stands as a name is no field
                yield from _in(inner, name if name.isidentifier() else field)
        case list():
            for inner in value:
                yield from _in(inner, field)
        case bool():
            yield field, str(value)
        case str() if value.isupper() and value.isidentifier():
            yield field, value
        case _:
            yield (field,)
