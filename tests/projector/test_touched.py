"""Whom a change of the catalog touches: the plans and plan groups whose accounts are settled again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from events.codec import encode
from events.envelope import seal
from services.commands.decide import decide
from services.commands.messages import Command
from services.projection.catalog_fold import CatalogLog
from tests.commands.world import Story, catalog, create, delete, id_of, update
from tests.projector.test_catalog_fold import ORIGINS, record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIVEN = (
    *catalog(),
    create("product", "other", code="other"),
    create("planTemplate", "other-template", productId="@other"),
    create("plan", "other-plan", code="other", planTemplateId="@other-template"),
    create("aggregation", "units", meterId="@meter", code="units"),
    create("compoundAggregation", "both", calculation="aggregation.units * 2"),
    create("pricing", "price", planId="@plan", compoundAggregationId="@both"),
    create("planGroup", "group"),
    create("planGroup", "empty"),
    create("planGroupLink", "link", planGroupId="@group", planId="@plan"),
)
UNITS: dict[str, Any] = {"meterId": "@meter", "code": "units"}
LINK: dict[str, Any] = {"planGroupId": "@empty", "planId": "@other-plan"}


def touched(command: Command) -> set[str]:
    """By the names of the tests' resources; as the projection reads it from the log."""
    story, log, sequence = Story(), CatalogLog(ORIGINS), 0
    for one in (*GIVEN, command):
        for fact in decide(story.resources, one, 8):
            story.apply([fact])
            sequence += 1
            sealed = seal(fact, source="commands/here", sequence=sequence, organization="org", time=NOW)
            log.fold(record(encode(sealed), sequence))
    [change] = log.changes_since(sequence)
    assert change.plans is not None
    names = {id_of(name): name for name in ("plan", "other-plan", "group", "empty")}
    return {names[id] for id in change.plans}


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (update("aggregation", "units", 1, **UNITS, aggregation="MAX"), {"plan", "group"}),
        (update("aggregation", "aggregation", 1, meterId="@meter", unit="2"), set()),
        (update("compoundAggregation", "both", 1, calculation="aggregation.units"), {"plan", "group"}),
        (update("meter", "meter", 1, customFields={"k": "v"}), {"plan", "group"}),
        (update("planTemplate", "template", 1, productId="@product", standingCharge=5), {"plan", "group"}),
        (update("planGroup", "group", 1, minimumSpend=5), {"group"}),
        (update("planGroup", "empty", 1, minimumSpend=5), {"empty"}),
        (create("planGroupLink", "more", **LINK), {"empty"}),
        (update("planGroupLink", "link", 1, **LINK), {"group", "empty"}),
        (delete("planGroupLink", "link"), {"group"}),
        (update("plan", "other-plan", 1, code="other", planTemplateId="@other-template"), {"other-plan"}),
    ],
)
def test_a_change_touches_the_plans_and_groups_that_it_concerns(command: Command, wanted: set[Any]) -> None:
    assert touched(command) == wanted
