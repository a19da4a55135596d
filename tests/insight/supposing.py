"""A player with terms that are only supposed, and what is then on its bills."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from projections.settlement import DraftBill, Family
from services.commands.supposed import supposed_family
from services.simulate.memory_player import MemoryPlayer
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import LAST, Random, days, usage

laws = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
END = LAST + timedelta(days=70)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def suppose(player: MemoryPlayer, commitments: list[Any], pricings: list[Any]) -> Family:
    return suppose_all(player, commitments=commitments, pricings=pricings)


def suppose_all(player: MemoryPlayer, **supposed: list[Any]) -> Family:
    return supposed_family(family_of(player), player.resources, supposed, NOW)


def wire(entity: Any, **changes: Any) -> dict[str, Any]:
    return entity.body.model_dump(by_alias=True, exclude_unset=True) | {"id": entity.id} | changes


def shown(drafts: list[DraftBill]) -> Any:
    """What is on the bills. Lines of one day stand in the order of ids, which a supposed resource has others of."""
    return [
        (draft.account_id, draft.currency, draft.total, sorted((_line(line) for line in draft.lines), key=repr))
        for draft in drafts
    ]


def _line(line: Any) -> Any:
    named = {name: value for name, value in line.wording.items() if name not in ("commitment_id", "pricing_id")}
    return line.type, line.amount, line.quantity, line.units, named


def played(data: st.DataObject, family: Random) -> MemoryPlayer:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=1, max_size=10)):
        player.usage(record)
    player.bill(data.draw(days(0, 60)), None)
    return player


def world() -> MemoryPlayer:
    """An account with a plan and a commitment, all its terms plain."""
    lists = {
        "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE"}]}],
        "aggregations": [{"code": "units", "meter": "m", "targetField": "q"}],
        "plans": [
            {
                "code": "basic",
                "product": "p",
                "pricings": [{"aggregation": "units", "pricingBands": [{"unitPrice": 1}]}],
            }
        ],
        "accounts": [{"code": "acme", "plans": [{"plan": "basic", "startDate": "2026-01-01"}]}],
        "commitments": [
            {"code": "one", "account": "acme", "amount": 10, "startDate": "2026-01-01", "endDate": "2027-01-01"}
        ],
    }
    player = MemoryPlayer()
    story = parse_story(
        load_yaml(json.dumps({"scenario": "a world", **lists, "steps": [{"bill": {"date": "2026-02-01"}}]}))
    )
    player.configure(story.organization)
    for document in story.documents:
        player.create(document)
    return player
