"""Explanations in tests: a player in memory that explains every line it issues, and what holds of every one told."""

import os
from decimal import Decimal
from typing import Any

from projections.explain import Explanation, explain_line
from projections.settlement import DraftBill, issue
from services.run.stack import Endpoints
from services.simulate.memory_player import MemoryPlayer
from services.simulate.player import Beside
from tests.forked import trueup
from tests.insight.bills import NOWHERE, bill_id_of
from tests.system.sharing import environment_at


class ExplainingPlayer(MemoryPlayer):
    """As the player in memory; `explained` holds an explanation per line."""

    def __init__(self) -> None:
        super().__init__()
        self.explained: list[Explanation] = []

    def _issued(self, draft: DraftBill, beside: Beside) -> Any:
        bill = issue(draft, bill_id=bill_id_of(len(self.explained)), positions=NOWHERE)
        for line in bill.lines:
            explanation = explain_line(draft.settlement, bill, line)
            assert explanation.document()["amount"] == line.amount
            self.explained.append(explanation)
        return super()._issued(draft, beside)


def assert_adds_up(told: dict[str, Any], line: dict[str, Any]) -> None:
    """An explanation with all its events adds up to the line, part by part, and to its quantities, day by day."""
    assert told["addsUp"], told
    assert told["amount"] == Decimal(str(line["subtotal"]))
    assert told["due"] - told["billedBefore"] == told["amount"]
    assert sum(part["amount"] for part in told["parts"]) == told["due"]
    for part in told["parts"]:
        assert sum(add["amount"] for add in part["adds"]) == part["amount"]
    assert len(told["events"]) == told["eventCount"]
    assert all(event["offset"] < told["positions"]["log"] for event in told["events"])
    if line["lineItemType"] == "USAGE":
        days = {day["day"]: day["quantity"] for part in told["parts"] for day in part["inputs"]["days"]}
        by_day: dict[str, Decimal] = {}
        for event in told["events"]:
            added = sum(add["quantity"] for add in event["adds"])
            by_day[event["day"]] = by_day.get(event["day"], Decimal(0)) + added
        assert by_day == days


async def run_explain(endpoints: Endpoints, *arguments: str) -> tuple[int, str, str]:
    """`trueup explain`: its exit status and what it printed."""
    environment = os.environ | environment_at(endpoints)
    return await trueup("explain", *arguments, environment=environment)
