"""Which aggregation tells a function of a field: the very one first, one that keeps as much else, or none."""

from collections.abc import Mapping
from typing import Any

import pytest

from projections.usage_sources import TOLD_BY, source_of
from tests.commands.world import create, given, id_of

FIELDS = [{"code": "n", "category": "MEASURE"}, {"code": "zone", "category": "WHERE"}]


def source(made: Mapping[str, Mapping[str, Any]], function: Any, *by: str, field: str = "n") -> str | None:
    """The name of the source among aggregations that are made in this order."""
    story = given(
        create("meter", "counted", code="counted", dataFields=FIELDS),
        *(create("aggregation", name, meterId="@counted", **body) for name, body in made.items()),
    )
    found = source_of(story.resources.aggregations.values(), id_of("counted"), field, function, by)
    return None if found is None else next(name for name in made if id_of(name) == found.id)


@pytest.mark.parametrize("function", TOLD_BY)
def test_the_very_function_comes_first(function: Any) -> None:
    field = "zone" if function == "UNIQUE" else "n"
    made = {str(telling): {"targetField": field, "aggregation": telling} for telling in reversed(TOLD_BY[function])}
    assert source(made, function, field=field) == function


def test_what_keeps_the_same_number_tells_it_too() -> None:
    assert source({"mean": {"aggregation": "MEAN"}}, "SUM") == "mean"
    assert source({"sum": {"aggregation": "SUM"}}, "MEAN") == "sum"
    assert source({"max": {"aggregation": "MAX"}}, "COUNT") == "max"
    assert source({"sum": {"aggregation": "SUM"}}, "MAX") is None


def test_it_must_tell_dimensions_apart_and_no_more_than_needed() -> None:
    made: dict[str, dict[str, Any]] = {
        "apart": {"aggregation": "SUM", "segmentedFields": ["zone"]},
        "first": {"aggregation": "SUM"},
        "second": {"aggregation": "SUM"},
    }
    assert source(made, "SUM") == "first"
    assert source(made, "SUM", "zone") == "apart"
    assert source(made, "SUM", "zone", "kind") is None
    assert source(made, "SUM", field="zone") is None
