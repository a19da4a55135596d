"""Where accounts can be forgotten: what commands are refused, because something of theirs could not be."""

from typing import Any

from services.commands import refused
from services.commands.decide import decide
from tests.commands.world import Story, catalog, configure, create, update


def test_a_field_names_persons_from_its_beginning_or_never_where_they_are_forgotten() -> None:
    def fields(**categories: str) -> dict[str, Any]:
        given = [{"code": code, "category": category} for code, category in {"n": "MEASURE", **categories}.items()]
        return {"code": "m2", "dataFields": given}

    changed = [fields(who="WHAT", what="WHAT"), fields(who="WHO", what="WHO")]
    for erasable in (False, True):
        _, *others = catalog()
        story = Story().given(configure(personalData="ERASABLE" if erasable else "PLAIN"), *others)
        story.given(create("meter", "m2", **fields(who="WHO", what="WHAT")))
        story.given(create("aggregation", "a2", code="a2", meterId="@m2", segmentedFields=["what"], segments=[]))
        for body in changed:
            asked = story.when(update("meter", "m2", 1, **body))
            if erasable:
                asked.refused(refused.InvalidField, "category: must not be WH")
            else:
                assert decide(story.resources, asked.asked, 8)
        # Nor by way of taking it out.
        story.given(
            update("meter", "m2", 1, **fields(who="WHO")), update("meter", "m2", 2, **fields(who="WHO", more="WHO"))
        )
        again = story.when(update("meter", "m2", 3, **fields(who="WHO", what="WHO", more="WHO")))
        if erasable:
            again.refused(refused.InvalidField, "dataFields[2].category: must not be WHO")
