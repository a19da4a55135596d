"""A settlement: what a family owes by a day, and the state that the next settlement resumes from (rules 4 to 7).

Results that only some callers need (lines, draws, the states of commitments) are derived on demand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from projections.line_types import DRAWN_AS, LINES
from projections.rating.charges import Charge, ChargeKey
from projections.rating.rated_family import Rated
from projections.rating.usage_charges import RatedUsage
from projections.settlement.agreements import Considered, considered, drawer_of
from projections.settlement.billed import LineKey
from projections.settlement.drawdown import Drawn, SettledPiece
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.lines import DueLine, DueLines, usage_lines
from projections.settlement.minimums import MinimumPeriod, settle_minimum
from projections.settlement.overage import NOTHING
from projections.settlement.states import AgreementState, fund_state, minimum_state
from projections.settlement.unpriced import Unpriced, unpriced


def is_due(rated: RatedUsage, through: date, accrued: bool) -> bool:
    """Whether a usage charge is settled by the day: once its billing period has ended, or at once if it accrues."""
    return accrued or rated.pool.period.end <= through


@dataclass(frozen=True, slots=True)
class SettledState:
    """The state of a settlement as one value: the next settlement of the same family under the same terms resumes from
    it.

    `others` are the charges that are not usage, `credits` the charges that reduce others, and `credited` the value of
    each credit (minor units).
    """

    terms: FamilyTerms
    through: date
    accrued: bool
    rated: Rated
    others: list[Charge]
    credits: list[Charge]
    credited: Mapping[ChargeKey, int]
    drawn: Drawn
    #: Cache of the funds' states on the day, by fund number: amounts drawn in its term and after rollover, and the
    #: state.
    states: dict[int, tuple[int, int, AgreementState]] = field(default_factory=dict)

    def is_due(self, usage: RatedUsage) -> bool:
        """Whether the usage charge is settled."""
        return is_due(usage, self.through, self.accrued)

    def fund_state(self, number: int) -> AgreementState:
        """The state of the fund with this number; the same object as long as the state does not change."""
        in_term, rolled = self.drawn.spent.in_term[number], self.drawn.spent.rolled[number]
        known = self.states.get(number)
        if known is None or known[0] != in_term or known[1] != rolled:
            state = fund_state(self.terms.funds[number], in_term, rolled, self.through)
            known = self.states[number] = (in_term, rolled, state)
        return known[2]


@dataclass(frozen=True, slots=True)
class Draw:
    """A slice's draw on a commitment or balance, with the fund's place in the order used."""

    agreement_id: str
    charge: ChargeKey
    slice_start: date
    amount: Decimal
    place: int
    rolled_over: bool


@dataclass(frozen=True)
class Settlement:
    """What a family owes by `through`. Results that only some callers need are derived on demand."""

    family: Family
    kept: SettledState

    @property
    def through(self) -> date:
        """The day by which everything in it is due."""
        return self.kept.through

    @property
    def others(self) -> list[Charge]:
        """The charges that are not usage, without credits."""
        return self.kept.others

    @property
    def credits(self) -> list[Charge]:
        """The charges that reduce other charges."""
        return self.kept.credits

    @cached_property
    def debits(self) -> list[RatedUsage]:
        """All usage charges, due or not, without credits."""
        return [usage for usage in self.kept.rated.in_order if not usage.is_credit]

    @cached_property
    def usage(self) -> list[RatedUsage]:
        """The usage charges that are settled, without credits."""
        return [usage for usage in self.debits if self.kept.is_due(usage)]

    @property
    def terms(self) -> FamilyTerms:
        """The terms under which the family was settled."""
        return self.family.terms

    @cached_property
    def minimum_periods(self) -> dict[str, tuple[MinimumPeriod, ...]]:
        """The commitment periods of each MINIMUM, by its id."""
        return {
            minimum.id: settle_minimum(minimum, self.debits, self.others, self.through)
            for minimum in self.terms.minimums
        }

    def states(self) -> Mapping[str, AgreementState]:
        """The state of each commitment and balance as of `through`, by id; an unchanged fund keeps the same object."""
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
    def outcomes(self) -> dict[ChargeKey, list[SettledPiece]]:
        """The settled slices of each charge, by service start."""
        outcomes: dict[ChargeKey, list[SettledPiece]] = {}
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
        """Every fund, with its place for a slice of the charge or the reason why it has none; used by explanations."""
        account = self.terms.accounts[charge.account_id]
        return considered(self.terms.funds, account, drawer_of(self.charges[charge]), day)

    @cached_property
    def lines(self) -> dict[LineKey, DueLine]:
        """The due amounts by line key: rounded, with nothing subtracted for earlier bills."""
        lines = DueLines()
        self.write_lines(lines)
        return lines.by_key

    def write_lines(self, lines: DueLines) -> None:
        """Add every due line, one after the other; explanations read each line before lines of one key are added up."""
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
                lines.fund(self.charges[outcome.piece.charge], DRAWN_AS[fund.kind], fund, -draw.amount)

    @cached_property
    def unpriced(self) -> list[Unpriced]:
        """Usage without a pricing."""
        return unpriced(self.terms, self.family.totals)


def _other_lines(lines: DueLines, charge: Charge) -> None:
    """The line of a charge that is not usage; a minimum spend billed in advance is restated by a refund line (rules
    3.14).
    """
    if charge.in_advance is None:
        # A counter's line with amount 0 stays, to show the counter's value, like free usage. Other charges have no
        # quantity of their own.
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
    """Every line that a charge, draw, fee or true-up adds to its key, in the order in which they are added."""
    lines = _Gathered()
    settlement.write_lines(lines)
    return lines.added
