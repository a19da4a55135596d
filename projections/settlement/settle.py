"""Settlement: one pure function from terms and quantities by day to everything that is due (rules 3 to 7, decision 17).

The bill run, the preview, the unbilled view, the live projector and the auditor all call `settle`; it never looks at
the order in which anything arrived.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

from projections.line_types import CHARGES, LINES
from projections.rating.charges import Charge, ChargeKey
from projections.rating.recurring import minimum_spends
from projections.rating.terms import PlanTerms
from projections.rating.usage import Rated, RatedUsage, rate_family
from projections.settlement.agreements import Considered, considered, drawer_of
from projections.settlement.billed import LineKey
from projections.settlement.drawdown import Drawn, Outcome, apply_credits, draw_down, pieces_of
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.lines import DueLine, DueLines, usage_lines
from projections.settlement.minimums import MinimumPeriod, settle_minimum
from projections.settlement.overage import NOTHING
from projections.settlement.states import AgreementState, fund_state, minimum_state
from projections.settlement.unpriced import Unpriced, unpriced


@dataclass(frozen=True, slots=True)
class Kept:
    """What a settlement leaves to the next one of the same family. It is of use only under the same terms."""

    terms: FamilyTerms
    rated: Rated
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw of a slice on a commitment or balance, with its place in the order used."""

    agreement_id: str
    charge: ChargeKey
    slice_start: date
    amount: Decimal
    place: int
    rolled_over: bool


@dataclass(frozen=True)
class Settlement:
    """What is due of a family by `through`. What only some callers ask for is derived when it is asked for.

    `usage` and `others` are the charges that are settled, `credits` what each credit is worth (minor units).
    """

    family: Family
    through: date
    accrued: bool
    usage: list[RatedUsage]
    others: list[Charge]
    credits: list[Charge]
    credited: Mapping[ChargeKey, int]
    kept: Kept

    @property
    def terms(self) -> FamilyTerms:
        """The terms it was settled under."""
        return self.family.terms

    @cached_property
    def minimum_periods(self) -> dict[str, tuple[MinimumPeriod, ...]]:
        """The commitment periods of each MINIMUM, by its id."""
        rated = [one for many in self.kept.rated.usage.values() for one in many if one.pool.series.kind == "DEBIT"]
        return {one.id: settle_minimum(one, rated, self.others, self.through) for one in self.terms.minimums}

    @cached_property
    def commitments(self) -> dict[str, AgreementState]:
        """Every commitment's state as of `through`, by id."""
        found = {one.id: minimum_state(one, self.minimum_periods[one.id], self.through) for one in self.terms.minimums}
        found.update((one.id, one) for one in self._funds("PREPAYMENT"))
        return found

    @cached_property
    def balances(self) -> dict[str, AgreementState]:
        """Every balance's state as of `through`, by id."""
        return {one.id: one for one in self._funds("BALANCE")}

    def _funds(self, kind: str) -> Iterator[AgreementState]:
        spent = self.kept.drawn.spent
        for number, fund in enumerate(self.terms.funds):
            if fund.kind == kind:
                yield fund_state(fund, spent.in_term[number], spent.rolled[number], self.through)

    @cached_property
    def outcomes(self) -> dict[ChargeKey, list[Outcome]]:
        """The settled slices of each charge, by service start."""
        found: dict[ChargeKey, list[Outcome]] = {}
        for one in self.kept.drawn.outcomes:
            found.setdefault(one.piece.charge, []).append(one)
        return found

    @cached_property
    def charges(self) -> dict[ChargeKey, Charge]:
        """Every charge that is settled, credits included."""
        usage = [part for one in self.usage for part in one.parts]
        return {one.key: one for one in (*usage, *self.others, *self.credits)}

    @cached_property
    def draws(self) -> list[Draw]:
        """All draws, in the order in which they were made."""
        funds = self.terms.funds
        return [
            Draw(
                funds[one.fund].id,
                outcome.piece.charge,
                outcome.piece.start,
                funds[one.fund].rounding.decimal(one.amount),
                one.place,
                one.rolled,
            )
            for outcome in self.kept.drawn.outcomes
            for one in outcome.taken
        ]

    def considered(self, charge: ChargeKey, day: date) -> list[Considered]:
        """For explanations: every fund, with its place for a slice of the charge or the reason against it."""
        account = self.terms.accounts[charge.account_id]
        return considered(self.terms.funds, account, drawer_of(self.charges[charge]), day)

    @cached_property
    def lines(self) -> dict[LineKey, DueLine]:
        """What is due, by line key: rounded, and nothing billed subtracted yet."""
        lines = DueLines()
        self.write_lines(lines)
        return lines.by_key

    def write_lines(self, lines: DueLines) -> None:
        """Add every line that is due, one after the other; explanations look at each before they are put together."""
        for one in self.usage:
            usage_lines(lines, one, [self.outcomes.get(part.key, []) for part in one.parts], self.terms.funds)
        for charge in self.others:
            _other_lines(lines, charge)
        for credit in self.credits:
            lines.charge(credit, credit.type, -self.credited[credit.key], credit.quantity, credit.units)
        self._draw_lines(lines)
        lines.fees(self.terms.prepayments, self.through)
        for minimum in self.terms.minimums:
            lines.true_ups(minimum, self.minimum_periods[minimum.id])

    def _draw_lines(self, lines: DueLines) -> None:
        for outcome in self.kept.drawn.outcomes:
            for one in outcome.taken:
                fund = self.terms.funds[one.fund]
                line_type = "COMMITMENT_CONSUMED" if fund.kind == "PREPAYMENT" else "BALANCE_CONSUMED"
                lines.fund(self.charges[outcome.piece.charge], line_type, fund, -one.amount)  # type: ignore[arg-type]

    @cached_property
    def unpriced(self) -> list[Unpriced]:
        """Usage that no price holds for."""
        return unpriced(self.terms, self.family.totals)


def _other_lines(lines: DueLines, charge: Charge) -> None:
    """A charge that is not usage; a minimum spend billed in advance is restated by a refund line (rules 3.14)."""
    if charge.in_advance is None:
        # What a counter stood at is shown at 0, as free usage is; the other charges have no quantity of their own.
        shown = charge.quantity if charge.amount or LINES[charge.type].counted else NOTHING
        lines.charge(charge, charge.type, charge.amount, shown, charge.units)
    else:
        if charge.in_advance:
            lines.charge(charge, "MINIMUM_SPEND", charge.in_advance, charge.quantity, charge.units)
        lines.charge(charge, "MINIMUM_SPEND_REFUND", charge.amount - charge.in_advance, NOTHING, NOTHING)


def settle(family: Family, *, through: date, accrued: bool, kept: Kept | None = None) -> Settlement:
    """Settle a family by `through`.

    `accrued` False: the charges that are due by then and no others, as a bill. True: all usage that has arrived, and
    every other charge from the day it is due (amountSpent, unbilled). `kept` is what an earlier settlement left: only
    what changed is rated, and slices settle again from the first changed one; the result is the same without it.
    """
    terms = family.terms
    if kept is not None and kept.terms is not terms:
        kept = None
    rated = rate_family(terms.readers, terms.cuts, family.totals, kept.rated if kept else None)
    every = [one for key in sorted(rated.usage) for one in rated.usage[key]]
    due = every if accrued else [one for one in every if one.pool.period.end <= through]
    debits = [one for one in due if one.pool.series.kind == "DEBIT"]
    others = [charge for plan in terms.plans for charge in _others(terms, plan, every, through)]
    others += terms.one_offs_due(through)
    credits = [part for one in due if one.pool.series.kind != "DEBIT" for part in one.parts]
    credits += [charge for charge in others if CHARGES[charge.type].credit]
    others = [charge for charge in others if not CHARGES[charge.type].credit]
    pieces = pieces_of([*(part for one in debits for part in one.parts), *others])
    credited = apply_credits(pieces, credits)
    drawn = draw_down(terms, credited.pieces, kept.drawn if kept else None)
    return Settlement(family, through, accrued, debits, others, credits, credited.worth, Kept(terms, rated, drawn))


def _others(terms: FamilyTerms, plan: PlanTerms, rated: list[RatedUsage], through: date) -> Iterator[Charge]:
    """Charges of an account plan that are not usage and are due by `through`."""
    has_minimum = plan.has_minimum
    if not (plan.standing.is_asked or plan.counters or has_minimum) or plan.start > through:
        return
    usage: dict[date, list[RatedUsage]] = {}
    for one in rated if has_minimum else ():
        if one.pool.plan in (plan.grouped or (plan,)):
            within = plan.period(plan.grid.number(one.pool.period.start))
            usage.setdefault(within.start, []).append(one)
    number = plan.grid.number(plan.start)
    while (period := plan.period(number)).start <= through and period.start < period.end:
        for charge in terms.fixed_charges(plan, number):
            if charge.due <= through:
                yield charge
        if has_minimum:
            for charge in minimum_spends(plan, number, usage.get(period.start, []), through):
                if charge.due <= through:
                    yield charge
        number += 1


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
