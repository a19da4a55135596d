"""Every due line as it is added to its key, before those of one key are put together."""

from dataclasses import replace

from projections.settlement.billed import LineKey
from projections.settlement.lines import DueLine, DueLines
from projections.settlement.settle import Settlement


class _Gathered(DueLines):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[LineKey, DueLine]] = []

    def add(self, key: LineKey, line: DueLine) -> None:
        self.found.append((key, replace(line)))


def gathered_lines(settlement: Settlement) -> list[tuple[LineKey, DueLine]]:
    """What every charge, draw, fee and true-up adds to which key, in the order in which they are added."""
    lines = _Gathered()
    settlement.write_lines(lines)
    return lines.found
