"""The explanation of one bill line, from the settlement behind it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from events.facts.bills import BillIssued, BillLine, LineType
from projections.explain.charge_parts import (
    counter_changes_part,
    minimum_part,
    one_off_part,
    running_total_part,
    standing_part,
)
from projections.explain.draw_parts import draw_part
from projections.explain.fee_parts import fee_parts, true_up_part
from projections.explain.parts import Add, Earlier, Explanation, LinePart, UsageRef
from projections.explain.usage_parts import credit_part, overage_part, rated_of, surcharge_part, usage_part, usage_refs
from projections.line_types import LINES, MEMO_TYPES, METERED, TRUE_UP
from projections.money import rounding_of
from projections.rating.charges import Charge, ChargeKey
from projections.settlement import LineKey, Settlement
from projections.settlement.agreements import Fund
from projections.settlement.billed import key_of
from projections.settlement.settled import gathered_lines

NOTHING_DUE = "Nothing is due any more under terms and quantities as they now are: it goes back (docs/rules.md 8.4)."


def explain_line(settlement: Settlement, bill: BillIssued, line: BillLine) -> Explanation:
    """The explanation of a line of the bill. `settlement` is the one that the bill was issued from, or an equal one."""
    if line.type in MEMO_TYPES:
        rounding = rounding_of(bill.currency, None)
        part = LinePart((Add("put on the bill by hand", rounding.minor(line.amount)),), rounding, {})
        return Explanation(LINES[line.type].rule, line, (part,), (), line.amount)
    key = key_of(bill.account_id, bill.currency, line)
    parts = tuple(_parts(settlement, key))
    due = settlement.lines.get(key)
    earlier = tuple(_earlier(settlement, key))
    return Explanation(
        _rule(settlement, key, parts),
        line,
        parts,
        earlier,
        due.money if due else Decimal(0),
        tuple(_merged(parts)),
        frozenset().union(*(part.resources for part in parts)),
    )


def _parts(settlement: Settlement, key: LineKey) -> Iterator[LinePart]:
    """The part of each charge, fee or commitment period on the key's line."""
    gathered = [line for of_key, line in gathered_lines(settlement) if of_key == key]
    for prepayment in {line.fee.fund.id: line.fee for line in gathered if line.fee is not None}.values():
        yield from fee_parts(settlement, prepayment, key)
    # Only the parts of this key: a minimum that moved to another bill or currency has nothing due on its former line.
    for minimum in {line.minimum.id: line.minimum for line in gathered if line.minimum is not None}.values():
        yield true_up_part(settlement, minimum, key)
    amounts: dict[ChargeKey, tuple[Charge, Fund | None, int]] = {}
    for line in gathered:
        if line.charge is not None:
            before = amounts.get(line.charge.key)
            amounts[line.charge.key] = (line.charge, line.fund, line.amount + (before[2] if before else 0))
    for charge, fund, amount in amounts.values():
        yield PARTS[key.type](_Charged(settlement, charge, fund, amount))


class _Charged(NamedTuple):
    """A charge's amount on a line, in minor units. `drawn_on`: the fund of a draw, or the fund whose overage terms
    apply.
    """

    settlement: Settlement
    charge: Charge
    drawn_on: Fund | None
    amount: int

    @property
    def fund(self) -> Fund:
        """The fund of a draw or of overage; other lines never ask for it."""
        assert self.drawn_on is not None, "a draw or overage is of a fund"
        return self.drawn_on


def _one_off(of: _Charged) -> LinePart:
    return one_off_part(of.settlement, of.charge)


def _counter_changes(of: _Charged) -> LinePart:
    return counter_changes_part(of.settlement, of.charge)


def _draw(of: _Charged) -> LinePart:
    part = draw_part(of.settlement, of.charge, of.fund)
    is_usage = of.charge.type in METERED
    return replace(part, usage=usage_refs(of.settlement, rated_of(of.settlement, of.charge)) if is_usage else ())


#: The explanation of each type of line that comes from charges.
PARTS: dict[LineType, Callable[[_Charged], LinePart]] = {
    "STANDING_CHARGE": lambda of: standing_part(of.settlement, of.charge),
    "COUNTER_RUNNING_TOTAL_CHARGE": lambda of: running_total_part(of.settlement, of.charge),
    "COUNTER_ADJUSTMENT_DEBIT": _counter_changes,
    "USAGE": lambda of: usage_part(of.settlement, of.charge, of.amount),
    "OVERAGE_USAGE": lambda of: overage_part(of.settlement, of.charge, of.fund),
    "MINIMUM_SPEND": lambda of: minimum_part(of.settlement, of.charge, refund=False),
    "MINIMUM_SPEND_REFUND": lambda of: minimum_part(of.settlement, of.charge, refund=True),
    "AD_HOC": _one_off,
    "COUNTER_ADJUSTMENT_CREDIT": _counter_changes,
    "USAGE_CREDIT": lambda of: credit_part(of.settlement, of.charge, of.amount),
    "COMMITMENT_CONSUMED": _draw,
    "BALANCE_CONSUMED": _draw,
    "OVERAGE_SURCHARGE": lambda of: surcharge_part(of.settlement, of.charge, of.fund, of.amount),
    "BALANCE_FEE": _one_off,
}


def _rule(settlement: Settlement, key: LineKey, parts: tuple[LinePart, ...]) -> str:
    if not parts:
        return NOTHING_DUE
    if key.agreement_id in {minimum.id for minimum in settlement.terms.minimums}:
        return TRUE_UP
    return LINES[key.type].rule


def _earlier(settlement: Settlement, key: LineKey) -> Iterator[Earlier]:
    """The lines of earlier valid bills for the same key, in the order of issue."""
    for bill in settlement.family.billed.bills.values():
        if bill.account_id == key.account_id and bill.currency == key.currency:
            for line in bill.lines:
                if line.type not in MEMO_TYPES and key_of(bill.account_id, bill.currency, line) == key:
                    yield Earlier(bill.bill_id, bill.bill_date, line)


def _merged(parts: tuple[LinePart, ...]) -> Iterator[UsageRef]:
    """The usage of all parts, each total once."""
    days: dict[tuple[str, str, str], set[date]] = {}
    for part in parts:
        for ref in part.usage:
            days.setdefault(ref[:3], set()).update(ref.days)
    for key, days_of_total in days.items():
        yield UsageRef(*key, tuple(sorted(days_of_total)))
