"""What-if: bills side by side, key by key, as a run would issue them now and under supposed changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from events.decimals import EXACT
from projections.settlement.billed import LineKey
from projections.settlement.drafts import DraftBill, DraftLine

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """A line that stands on one side or on both; the amount of a missing side is 0."""

    today: DraftLine | None
    supposed: DraftLine | None

    @property
    def line(self) -> DraftLine:
        """The line in its supposed wording, or today's if the line is missing there."""
        line = self.supposed or self.today
        assert line is not None, "it stands on a side"
        return line

    @property
    def amounts(self) -> tuple[Decimal, Decimal, Decimal]:
        """Today's amount, the supposed amount, and the second less the first."""
        today, supposed = (side.amount if side else _NOTHING for side in (self.today, self.supposed))
        with localcontext(EXACT):
            return today, supposed, supposed - today


@dataclass(frozen=True, slots=True)
class ComparedBill:
    """An account's bills in one currency: totals in the form of `ComparedLine.amounts`, and the lines of both sides."""

    currency: str
    amounts: tuple[Decimal, Decimal, Decimal]
    lines: tuple[ComparedLine, ...]


def compare_bills(today: Sequence[DraftBill], supposed: Sequence[DraftBill]) -> list[ComparedBill]:
    """Compare the drafts of one account, by currency. Lines stand in the order of the supposed bill, followed by the
    lines that are missing on it.
    """
    return [
        _compared(currency, today, supposed) for currency in sorted({draft.currency for draft in (*today, *supposed)})
    ]


def _compared(currency: str, today: Sequence[DraftBill], supposed: Sequence[DraftBill]) -> ComparedBill:
    before, after = dict(_lines(currency, today)), dict(_lines(currency, supposed))
    keys = [*after, *(key for key in before if key not in after)]
    with localcontext(EXACT):
        was, becomes = (sum(_totals(currency, side), _NOTHING) for side in (today, supposed))
        amounts = was, becomes, becomes - was
    return ComparedBill(currency, amounts, tuple(ComparedLine(before.get(key), after.get(key)) for key in keys))


def _lines(currency: str, drafts: Sequence[DraftBill]) -> Iterator[tuple[LineKey, DraftLine]]:
    return ((line.key, line) for draft in drafts if draft.currency == currency for line in draft.lines)


def _totals(currency: str, drafts: Sequence[DraftBill]) -> Iterator[Decimal]:
    return (draft.total for draft in drafts if draft.currency == currency)
