"""The due amounts by line key: charges, draws, overage, fees and true-ups as bill lines.

Rules 4.6, 5, 7.2 to 7.4, 7.8 and 8.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from events.facts.bills import LineType
from events.resources.accounts import ChildBillingMode
from projections.line_types import DRAWN_AS, DRAWS
from projections.money import Rounding, divide
from projections.rating.charges import Charge
from projections.rating.terms import AccountTerms, PlanTerms
from projections.rating.usage_charges import RatedUsage
from projections.settlement.agreements import Fund
from projections.settlement.billed import LineKey
from projections.settlement.compiled_agreements import Prepayment
from projections.settlement.drawdown import SettledPiece
from projections.settlement.fees import Fee
from projections.settlement.minimums import Minimum, MinimumPeriod
from projections.settlement.overage import NOTHING, Beyond, separated, uncovered

ONE = Fraction(1)
_OF_COMMITMENT = DRAWN_AS["PREPAYMENT"]


@dataclass(slots=True)  # a value; frozen, it would cost twice as much to make
class DueLine:
    """The due amount of a key up to now, in minor units; the source decides the wording of the line.

    Exactly one of `charge`, `fee` and `minimum` is set; a `fund` with a charge makes it a draw or an overage line.
    """

    amount: int
    quantity: Fraction
    units: Fraction
    end: date
    rounding: Rounding
    charge: Charge | None = None
    fund: Fund | None = None
    fee: Prepayment | None = None
    minimum: Minimum | None = None
    #: Billed on a date of its own, whatever the billing period.
    scheduled: bool = False
    #: The day on which the last of its charges is due; None: the line exists only once it is due.
    due: date | None = None

    def with_another(self, line: "DueLine") -> "DueLine":
        """Both on one line, which is there for what this one is there for."""
        amount, quantity, units = self.amount + line.amount, self.quantity + line.quantity, self.units + line.units
        terms = (self.rounding, self.charge, self.fund, self.fee, self.minimum)
        due = max((day for day in (self.due, line.due) if day is not None), default=None)
        scheduled = self.scheduled and line.scheduled
        return DueLine(amount, quantity, units, max(self.end, line.end), *terms, scheduled, due)

    @property
    def money(self) -> Decimal:
        """The amount in units of the currency: 12.34 for 1234 minor units."""
        return self.rounding.decimal(self.amount)

    @property
    def billed_by(self) -> PlanTerms | Prepayment | Minimum | None:
        """The account plan, or other terms, whose billing frequency the line has."""
        if self.charge is not None:
            return None if self.charge.is_one_off else self.charge.account_plan
        return self.fee or self.minimum


class DueLines:
    """Due lines by key; lines of one key add up (several accounts on a summary line, fees of one period start)."""

    def __init__(self) -> None:
        self.by_key: dict[LineKey, DueLine] = {}

    def add(self, key: LineKey, line: DueLine) -> None:
        """Add a line to its key."""
        known = self.by_key.get(key)
        self.by_key[key] = line if known is None else known.with_another(line)

    def charge(self, charge: Charge, line_type: LineType, amount: int, quantity: Fraction, units: Fraction) -> None:
        """Add a charge's own line, or a credit's or refund's; a line of amount 0 only if it has a quantity."""
        if amount or quantity:
            key = charge_key(charge, line_type, None)
            rounding, dated = charge.plan.rounding, charge.is_one_off
            line = DueLine(amount, quantity, units, charge.end, rounding, charge, scheduled=dated, due=charge.due)
            self.add(key, line)

    def fund(self, charge: Charge, line_type: LineType, fund: Fund, amount: int, quantity: Fraction = NOTHING) -> None:
        """Add a draw, or an overage line of the fund whose overage terms apply."""
        key = charge_key(charge, line_type, fund)
        if amount or quantity:
            rounding, dated = charge.plan.rounding, charge.is_one_off
            of_charge = (rounding, charge, fund)
            self.add(key, DueLine(amount, quantity, quantity, charge.end, *of_charge, scheduled=dated, due=charge.due))

    def fees(self, prepayments: Iterable[Prepayment], through: date) -> None:
        """Add the fees that are due, without fees of 0."""
        for prepayment in prepayments:
            for fee in prepayment.fees_due(through):
                self._fee(prepayment, prepayment.fund, fee)

    def _fee(self, prepayment: Prepayment, fund: Fund, fee: Fee) -> None:
        key = fee_key(fund, fee)
        line = DueLine(fee.amount, ONE, ONE, fee.end, fund.rounding, fund=fund, fee=prepayment, scheduled=fee.scheduled)
        self.add(key, line)

    def true_ups(self, minimum: Minimum, periods: Iterable[MinimumPeriod]) -> None:
        """Add true-ups of periods, also of 0: what an earlier bill charged is refunded with today's period."""
        for period in periods:
            key = _agreement_key(minimum.account, minimum.mode, minimum.currency, minimum.id, period.start)
            quantity = ONE if period.true_up else NOTHING
            self.add(key, DueLine(period.true_up, quantity, quantity, period.end, minimum.rounding, minimum=minimum))


@dataclass(slots=True)
class _Part:
    """One account's part of a charge, and its `uncovered` amounts."""

    charge: Charge
    uncovered: dict[int, int]


def usage_lines(
    lines: DueLines, rated: RatedUsage, outcomes: Sequence[Sequence[SettledPiece]], funds: Sequence[Fund]
) -> None:
    """The lines of a usage charge: USAGE, and the overage lines of the uncovered amounts. `outcomes` are by part."""
    parts = [_Part(charge, uncovered(settled)) for charge, settled in zip(rated.parts, outcomes, strict=True)]
    apart = _separate(lines, rated, parts, outcomes, funds)
    for part, (amount, quantity) in zip(parts, apart, strict=True):
        charge = part.charge
        share = quantity / charge.quantity if charge.quantity else NOTHING
        lines.charge(charge, "USAGE", charge.amount - amount, charge.quantity - quantity, charge.units * (1 - share))
    _surcharge(lines, rated, parts, funds)


def _surcharge(lines: DueLines, rated: RatedUsage, parts: Sequence[_Part], funds: Sequence[Fund]) -> None:
    """Surcharge: overage x p / 100 per charge and fund, rounded once; in a pool, divided by each account's overage."""
    rounding = rated.pool.plan.rounding
    for number in sorted({number for part in parts for number in part.uncovered}):
        fund = funds[number]
        if fund.surcharge:
            rest = [part.uncovered.get(number, 0) for part in parts]
            worth = rounding.minor(fund.surcharge_on(rounding.decimal(sum(rest))))
            amounts = divide(worth, [Fraction(left) for left in rest])
            for part, amount in zip(parts, amounts, strict=True):
                lines.fund(part.charge, "OVERAGE_SURCHARGE", fund, amount)


def _separate(
    lines: DueLines,
    rated: RatedUsage,
    parts: Sequence[_Part],
    outcomes: Sequence[Sequence[SettledPiece]],
    funds: Sequence[Fund],
) -> list[tuple[int, Fraction]]:
    """Add OVERAGE_USAGE lines; returns the deductions from each part's USAGE line: (minor units, quantity)."""
    taken = []
    for part in parts:
        apart = separated(part.uncovered, funds)
        taken.append((sum(apart.values()), apart))
    if not any(amount for amount, _ in taken):
        return [(0, NOTHING)] * len(parts)
    beyond = Beyond(rated, outcomes, funds)
    total = sum(beyond.units.values(), NOTHING)
    taken_off = []
    for index, (part, (amount, apart)) in enumerate(zip(parts, taken, strict=True)):
        quantity = _quantity(rated, part, amount, total)
        taken_off.append((amount, quantity))
        for number in sorted(apart):
            share = quantity * apart[number] / amount
            worth = sum(beyond.worth(index, number).values()) if rated.pool.pricing.overage else apart[number]
            lines.fund(part.charge, "OVERAGE_USAGE", funds[number], worth, share)
    return taken_off


def _quantity(rated: RatedUsage, part: _Part, amount: int, beyond: Fraction) -> Fraction:
    """The overage in a part's quantity: the units beyond exhaustion; in a pool, divided by money."""
    if len(rated.parts) == 1 and rated.pool.pricing.price.cumulative:
        return min(part.charge.quantity, beyond * rated.pool.series.quantity_per_unit)
    return part.charge.quantity * amount / part.charge.amount if part.charge.amount else NOTHING


def charge_key(charge: Charge, line_type: LineType, fund: Fund | None) -> LineKey:
    """The key of a charge's line, or of a draw or overage line of the charge: all of them stand on the charge's bill.

    On a parent's bill, the mode of a drawn commitment decides whether accounts share a line of draws (rules 7.3).
    """
    bill_account, owner = _landing(charge.account, charge.plan.mode)
    if fund is not None and line_type == _OF_COMMITMENT and charge.plan.mode != "CHILD":
        owner = charge.account.root_id if fund.mode == "PARENT_SUMMARY" else charge.account.id
    # Positional arguments, because every draw makes a key: with keywords a family's lines are a twentieth slower.
    return LineKey(
        bill_account,
        charge.plan.currency,
        line_type,
        owner,
        charge.plan.product_id,
        charge.plan.of_id,
        charge.counter_id or charge.key.pricing_id,
        charge.start,
        fund.id if fund else charge.balance_id or "",
        charge.type if line_type in DRAWS else "",
    )


def fee_key(fund: Fund, fee: Fee) -> LineKey:
    """The key of the line for a prepayment's fee."""
    return _agreement_key(fund.account, fund.mode, fund.currency, fund.id, fee.start)


def _agreement_key(
    account: AccountTerms, mode: ChildBillingMode, currency: str, agreement: str, start: date
) -> LineKey:
    """The key of a fee or true-up, never divided: on the child's bill under CHILD, else on the root's (rules 7.4)."""
    bill_account, _ = _landing(account, mode)
    return LineKey(
        account_id=bill_account,
        currency=currency,
        type="COMMITMENT_FEE",
        owner_id=account.id,
        product_id="",
        plan_id="",
        item_id="",
        start=start,
        agreement_id=agreement,
    )


def _landing(account: AccountTerms, mode: ChildBillingMode) -> tuple[str, str]:
    """The pair (bill account, account that the line names)."""
    match mode:
        case "CHILD":
            return account.id, account.id
        case "PARENT_SUMMARY":
            return account.root_id, account.root_id
        case "PARENT_BREAKDOWN":
            return account.root_id, account.id
        case _:
            assert_never(mode)
