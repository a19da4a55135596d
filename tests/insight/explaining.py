"""A player in memory that explains every line of every bill that it issues."""

from typing import Any

from projections.explain import Explanation, explain_line
from projections.settlement import DraftBill, issue
from services.simulate.memory import MemoryPlayer
from tests.insight.bills import NOWHERE, bill_id_of


class ExplainingPlayer(MemoryPlayer):
    """As the player in memory; `explained` holds an explanation per line."""

    def __init__(self) -> None:
        super().__init__()
        self.explained: list[Explanation] = []

    def _issued(self, draft: DraftBill) -> Any:
        bill = issue(draft, bill_id=bill_id_of(len(self.explained)), positions=NOWHERE)
        for line in bill.lines:
            explanation = explain_line(draft.settlement, bill, line)
            assert explanation.document()["amount"] == line.amount
            self.explained.append(explanation)
        return super()._issued(draft)
