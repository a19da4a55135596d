"""Conservation (rules 8.13, 10.3) over one settlement: all money that came in is accounted for, to the minor unit.

Per prepayment and balance: amount + top-ups = spent + rolled over and usable + lapsed + remaining, and the spent amount
equals the draws of slices and the sum of CONSUMED lines. Per period of a minimum: amount = min(counted, amount) +
shortfall. Per account and period: charges = drawn + payable, where payable is the sum of the charges' lines less draws;
overage's own price (surcharges, overage bands) comes on top.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from projections.line_types import CHARGES, DRAWS
from projections.money import Rounding
from projections.rating.charges import Charge, ChargeKey
from projections.settlement.billed import LineKey
from projections.settlement.drawdown import SettledPiece
from projections.settlement.lines import DueLine
from projections.settlement.overage import separated, uncovered
from projections.settlement.settled import Settlement, gathered_lines
from projections.settlement.states import AgreementState

Gathered = list[tuple[LineKey, DueLine]]


class Residue(NamedTuple):
    """A broken law: the account or agreement, and the difference."""

    law: str
    agreement_id: str | None
    account_id: str | None
    period_start: date | None
    residue: Decimal


@dataclass(slots=True)
class _Flow:
    """The money of one account's charges of one period start, in minor units."""

    rounding: Rounding
    charges: int = 0
    drawn: int = 0
    #: Sums over slices: undrawn amounts, amounts taken by credits, negative amounts.
    open: int = 0
    credited: int = 0
    #: Sums over lines: charges, credits and draws, without the extra price of overage.
    lines: int = 0
    credits: int = 0


def residues(settlement: Settlement) -> Iterator[Residue]:
    """Every broken law; empty if all laws hold."""
    lines = gathered_lines(settlement)
    yield from _agreements(settlement, lines)
    yield from _periods(settlement, lines)


def _agreements(settlement: Settlement, lines: Gathered) -> Iterator[Residue]:
    drawn: dict[str, Decimal] = {}
    for draw in settlement.draws:
        drawn[draw.agreement_id] = drawn.get(draw.agreement_id, Decimal(0)) + draw.amount
    charged: dict[str, Decimal] = {}
    for key, line in lines:
        if key.type in DRAWS:
            charged[key.agreement_id] = charged.get(key.agreement_id, Decimal(0)) - line.money
    for state in (*settlement.commitments.values(), *settlement.balances.values()):
        yield from agreement_residues(state, drawn.get(state.id, Decimal(0)), charged.get(state.id, Decimal(0)))


def agreement_residues(state: AgreementState, drawn: Decimal, charged: Decimal) -> Iterator[Residue]:
    """The laws of one commitment or balance, given the draws of slices and the sum of its CONSUMED lines."""
    by_law = _minimum_laws(state) if state.kind == "MINIMUM" else _fund_laws(state)
    by_law |= {
        "spent = draws of slices": state.drawn - drawn,
        "draws of slices = CONSUMED lines": drawn - charged,
        "nothing is overdrawn": min(state.amount_remaining, state.amount_rolled_over, state.amount_lapsed, Decimal(0)),
    }
    for law, residue in by_law.items():
        if residue:
            yield Residue(law, state.id, None, None, residue)


def _fund_laws(state: AgreementState) -> dict[str, Decimal]:
    used = state.amount_spent + state.amount_rolled_over + state.amount_lapsed + state.amount_remaining
    return {"amount + top-ups = spent + rolled over + lapsed + remaining": state.amount + state.top_ups - used}


def _minimum_laws(state: AgreementState) -> dict[str, Decimal]:
    owing = [period for period in state.periods if not period.waived]
    lacking = sum(
        (period.amount - min(period.counted, period.amount) - period.shortfall for period in owing), Decimal(0)
    )
    return {"spent = counted": state.amount_spent - state.counted, "amount = min(counted, amount) + shortfall": lacking}


def _periods(settlement: Settlement, lines: Gathered) -> Iterator[Residue]:
    flows: dict[tuple[str, date, str], _Flow] = {}

    def flow_of(charge: Charge) -> _Flow:
        key = (charge.account.id, charge.start, charge.plan.currency)
        return flows.setdefault(key, _Flow(charge.plan.rounding))

    for charge in settlement.charges.values():
        flow = flow_of(charge)
        if CHARGES[charge.type].credit:
            flow.credits += settlement.kept.credited[charge.key]
        else:
            flow.charges += charge.amount
    for outcome in settlement.kept.drawn.outcomes:
        _add_outcome(flow_of(settlement.charges[outcome.piece.charge]), outcome)
    banded = _banded(settlement)
    for charge_key, amount in banded.items():
        flow_of(settlement.charges[charge_key]).lines += amount
    for key, line in lines:
        if line.charge is not None and key.type != "OVERAGE_SURCHARGE":
            banded_line = key.type == "OVERAGE_USAGE" and line.charge.key in banded
            flow_of(line.charge).lines += 0 if banded_line else line.amount
    for (account_id, start, _), flow in flows.items():
        money = flow.rounding.decimal
        by_law = {
            "charges = drawn + credited + uncovered": flow.charges - flow.drawn - flow.credited - flow.open,
            "charges = drawn + payable": flow.charges - flow.credits - flow.drawn - flow.lines,
        }
        for law, residue in by_law.items():
            if residue:
                yield Residue(law, None, account_id, start, money(residue))


def _add_outcome(flow: _Flow, outcome: SettledPiece) -> None:
    flow.drawn += sum(draw.amount for draw in outcome.taken)
    flow.credited += outcome.piece.credited
    flow.open += outcome.uncovered + min(0, outcome.piece.amount)


def _banded(settlement: Settlement) -> dict[ChargeKey, int]:
    """Charges whose overage has its own bands: the uncovered amounts, which their overage lines price again."""
    funds, banded = settlement.terms.funds, {}
    for usage in settlement.usage:
        for part in usage.parts if usage.pool.pricing.overage is not None else ():
            banded[part.key] = sum(separated(uncovered(settlement.outcomes.get(part.key, ())), funds).values())
    return banded
