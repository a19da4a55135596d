"""A settlement: what is due of a family by a day, and what it keeps for the next one (rules 4 to 7).

What only some callers ask for (lines, draws, the states of commitments) is derived when it is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from projections.line_types import LINES
from projections.rating.charges import Charge, ChargeKey
from projections.rating.rated_family import Rated
from projections.rating.usage_charges import RatedUsage
from projections.settlement.agreements import Considered, considered, drawer_of
from projections.settlement.billed import LineKey
from projections.settlement.drawdown import Drawn, Outcome
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.lines import DueLine, DueLines, usage_lines
from projections.settlement.minimums import MinimumPeriod, settle_minimum
from projections.settlement.overage import NOTHING
from projections.settlement.states import AgreementState, fund_state, minimum_state
from projections.settlement.unpriced import Unpriced, unpriced


def is_due(rated: RatedUsage, through: date, accrued: bool) -> bool:
    """Whether a usage charge is settled by the day: once its billing period has ended, or at once where it accrues."""
    return accrued or rated.pool.period.end <= through


@dataclass(frozen=True, slots=True)
class Kept:
    """What was settled, as one value: the next settlement of the same family under the same terms goes on from it.

    `others` are the charges that are not usage, `credits` what reduces charges, and `credited` what each of these is
    worth (minor units).
    """

    terms: FamilyTerms
    through: date
    accrued: bool
    rated: Rated
    others: list[Charge]
    credits: list[Charge]
    credited: Mapping[ChargeKey, int]
    drawn: Drawn
    #: Memory of the funds' states by the day, by number: what was drawn in its term and rolled over, and the state.
    states: dict[int, tuple[int, int, AgreementState]] = field(default_factory=dict)

    def is_due(self, usage: RatedUsage) -> bool:
        """Whether the usage charge is settled."""
        return is_due(usage, self.through, self.accrued)

    def fund_state(self, number: int) -> AgreementState:
        """The state of the fund with this number; the same object as long as it is the same."""
        in_term, rolled = self.drawn.spent.in_term[number], self.drawn.spent.rolled[number]
        known = self.states.get(number)
        if known is None or known[0] != in_term or known[1] != rolled:
            state = fund_state(self.terms.funds[number], in_term, rolled, self.through)
            known = self.states[number] = (in_term, rolled, state)
        return known[2]


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
    """What is due of a family by `through`. What only some callers ask for is derived when it is asked for."""

    family: Family
    kept: Kept

    @property
    def through(self) -> date:
        """The day by which all of it is due."""
        return self.kept.through

    @property
    def others(self) -> list[Charge]:
        """The charges that are not usage; credits are apart."""
        return self.kept.others

    @property
    def credits(self) -> list[Charge]:
        """What reduces other charges."""
        return self.kept.credits

    @cached_property
    def debits(self) -> list[RatedUsage]:
        """All usage charges, due or not; credits are apart."""
        return [usage for usage in self.kept.rated.in_order if not usage.is_credit]

    @cached_property
    def usage(self) -> list[RatedUsage]:
        """The usage charges that are settled; credits are apart."""
        return [usage for usage in self.debits if self.kept.is_due(usage)]

    @property
    def terms(self) -> FamilyTerms:
        """The terms it was settled under."""
        return self.family.terms

    @cached_property
    def minimum_periods(self) -> dict[str, tuple[MinimumPeriod, ...]]:
        """The commitment periods of each MINIMUM, by its id."""
        return {
            minimum.id: settle_minimum(minimum, self.debits, self.others, self.through)
            for minimum in self.terms.minimums
        }

    def states(self) -> Mapping[str, AgreementState]:
        """Each commitment and balance as of `through`, by id; a fund that did not move has the same object."""
        return self._states

    @cached_property
    def _states(self) -> dict[str, AgreementState]:
        funds = {fund.id: self.kept.fund_state(number) for number, fund in enumerate(self.terms.funds)}
        return {**self.commitments, **funds} if self.terms.minimums else funds

    @cached_property
    def commitments(self) -> dict[str, AgreementState]:
        """Every commitment's state as of `through`, by id."""
        states = {
            minimum.id: minimum_state(minimum, self.minimum_periods[minimum.id], self.through)
            for minimum in self.terms.minimums
        }
        states.update((state.id, state) for state in self._funds("PREPAYMENT"))
        return states

    @cached_property
    def balances(self) -> dict[str, AgreementState]:
        """Every balance's state as of `through`, by id."""
        return {state.id: state for state in self._funds("BALANCE")}

    def _funds(self, kind: str) -> Iterator[AgreementState]:
        for number, fund in enumerate(self.terms.funds):
            if fund.kind == kind:
                yield self.kept.fund_state(number)

    @cached_property
    def outcomes(self) -> dict[ChargeKey, list[Outcome]]:
        """The settled slices of each charge, by service start."""
        outcomes: dict[ChargeKey, list[Outcome]] = {}
        for outcome in self.kept.drawn.outcomes:
            outcomes.setdefault(outcome.piece.charge, []).append(outcome)
        return outcomes

    @cached_property
    def charges(self) -> dict[ChargeKey, Charge]:
        """Every charge that is settled, credits included."""
        usage = [part for rated in self.usage for part in rated.parts]
        return {charge.key: charge for charge in (*usage, *self.others, *self.credits)}

    @cached_property
    def draws(self) -> list[Draw]:
        """All draws, in the order in which they were made."""
        funds = self.terms.funds
        return [
            Draw(
                funds[draw.fund].id,
                outcome.piece.charge,
                outcome.piece.start,
                funds[draw.fund].rounding.decimal(draw.amount),
                draw.place,
                draw.rolled,
            )
            for outcome in self.kept.drawn.outcomes
            for draw in outcome.taken
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
        for usage in self.usage:
            usage_lines(lines, usage, [self.outcomes.get(part.key, []) for part in usage.parts], self.terms.funds)
        for charge in self.others:
            _other_lines(lines, charge)
        for credit in self.credits:
            lines.charge(credit, credit.type, -self.kept.credited[credit.key], credit.quantity, credit.units)
        self._draw_lines(lines)
        lines.fees(self.terms.prepayments, self.through)
        for minimum in self.terms.minimums:
            lines.true_ups(minimum, self.minimum_periods[minimum.id])

    def _draw_lines(self, lines: DueLines) -> None:
        for outcome in self.kept.drawn.outcomes:
            for draw in outcome.taken:
                fund = self.terms.funds[draw.fund]
                line_type = "COMMITMENT_CONSUMED" if fund.kind == "PREPAYMENT" else "BALANCE_CONSUMED"
                lines.fund(self.charges[outcome.piece.charge], line_type, fund, -draw.amount)  # type: ignore[arg-type]

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


class _Gathered(DueLines):
    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[LineKey, DueLine]] = []

    def add(self, key: LineKey, line: DueLine) -> None:
        self.added.append((key, line))


def gathered_lines(settlement: Settlement) -> list[tuple[LineKey, DueLine]]:
    """What every charge, draw, fee and true-up adds to which key, in the order in which they are added."""
    lines = _Gathered()
    settlement.write_lines(lines)
    return lines.added
