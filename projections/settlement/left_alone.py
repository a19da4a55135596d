"""What a run leaves as a bill ahead of its period's end charged it (rules 8.15).

The run settles all usage that has arrived, of which only a part is due. More of a charge that is not due waits for its
period's end. Less of it does not wait, nor does a draw that another charge needs: else the issued bills together would
draw more of a commitment or balance than there is.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, localcontext

from events.decimals import EXACT
from projections.aggregates import shown
from projections.line_types import LINES
from projections.settlement.billed import BilledLine, LineKey
from projections.settlement.lines import DueLine

_Due = Mapping[LineKey, DueLine]
_Billed = Mapping[LineKey, BilledLine]


def left_alone(due: _Due, billed: _Billed, through: date) -> set[LineKey]:
    """The keys of a family that no bill of this day has a line of: those of charges that are not due by then, except
    the charges that are brought up to date all the same.
    """
    with localcontext(EXACT):
        charges = _not_due(due, billed, through).values()
        waiting = [keys for keys in charges if not _owes_less(due, billed, keys)]
        while freed := _freed(due, billed, waiting):
            waiting = [keys for keys in waiting if freed.isdisjoint(keys)]
    return {key for keys in waiting for key in keys}


def is_due_line(line: DueLine, through: date) -> bool:
    """Whether everything on the line is due in arrears."""
    return line.due is None or line.due <= through


def _not_due(due: _Due, billed: _Billed, through: date) -> dict[LineKey, list[LineKey]]:
    """The keys of each charge with lines that are not due: these, and what it was billed and owes no more."""
    charges: dict[LineKey, list[LineKey]] = {}
    for key, line in due.items():
        if not is_due_line(line, through):
            charges.setdefault(_charge_of(key), []).append(key)
    for key in billed:
        if key not in due and (keys := charges.get(_charge_of(key))) is not None:
            keys.append(key)
    return charges


def _charge_of(key: LineKey) -> LineKey:
    """The key that a charge's lines share with its overage and draws, with the charge's type as what it pays. Accounts
    may share a line of draws (rules 7.3), so they are not told apart.
    """
    charge_type = "USAGE" if LINES[key.type].overage else key.pays or key.type
    return key._replace(type="USAGE", owner_id="", agreement_id="", pays=charge_type)


def _owes_less(due: _Due, billed: _Billed, keys: Iterable[LineKey]) -> bool:
    """Whether less money or quantity is on a charge's lines than was billed, before draws."""
    own = [key for key in keys if not key.pays]
    now, before = [due[key] for key in own if key in due], [billed[key] for key in own if key in billed]
    return _is_less(sum(line.money for line in now), sum(line.amount for line in before)) or _is_less(
        sum(shown(line.quantity) for line in now), sum(line.quantity for line in before)
    )


def _is_less(now: Decimal | int, before: Decimal | int) -> bool:
    """Of a credit, which is negative, less is what is nearer to 0."""
    return now < before if before > 0 else now > before if before < 0 else False


def _freed(due: _Due, billed: _Billed, waiting: Iterable[Iterable[LineKey]]) -> set[LineKey]:
    """The draws that have become smaller, of those commitments and balances that the bills would draw too much of.

    Every other line is as it was settled. So too much is drawn exactly if the waiting draws on a fund were billed for
    more in sum than they are now.
    """
    rises = {key: _amount(due, key) - _billed_amount(billed, key) for keys in waiting for key in keys if key.pays}
    sums: dict[str, Decimal] = {}
    for key, rise in rises.items():
        sums[key.agreement_id] = sums.get(key.agreement_id, Decimal(0)) + rise
    return {key for key, rise in rises.items() if rise > 0 and sums[key.agreement_id] > 0}


def _amount(due: _Due, key: LineKey) -> Decimal:
    return due[key].money if key in due else Decimal(0)


def _billed_amount(billed: _Billed, key: LineKey) -> Decimal:
    return billed[key].amount if key in billed else Decimal(0)
