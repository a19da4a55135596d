"""The terms of commitments and balances: which charges they pay for or count, and in which order (rules 4.3 to 4.5,
6.19).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Protocol

from events.facts.bills import ChargeType
from events.resources.accounts import ChildBillingMode
from events.resources.organization import CreditKind
from projections.calendar import ONE_DAY
from projections.money import Rounding
from projections.rating.charges import Charge
from projections.rating.terms import AccountTerms
from projections.settlement.payments import PaidIn


class Drawer(NamedTuple):
    """The attributes of a charge that decide eligibility; charges with equal attributes have the same candidates in the
    same order.
    """

    account_id: str
    product_id: str
    type: ChargeType
    contract_id: str | None
    currency: str


def drawer_of(charge: Charge) -> Drawer:
    """The attributes of this charge that decide eligibility."""
    plan = charge.plan
    return Drawer(charge.account.id, plan.product_id, charge.type, plan.contract_id, plan.currency)


class Agreement(Protocol):
    """A commitment of either kind, or a balance."""

    @property
    def account(self) -> AccountTerms: ...
    @property
    def currency(self) -> str: ...
    @property
    def contract_id(self) -> str | None: ...
    @property
    def products(self) -> frozenset[str]: ...
    @property
    def types(self) -> frozenset[str]: ...


def refusal(agreement: Agreement, drawer: Drawer) -> str | None:
    """Why the agreement can never pay for or count the charge, on any day; None if the charge is eligible (rules
    4.3).
    """
    holder = agreement.account
    if holder.id != drawer.account_id and holder.is_child:
        return f"it belongs to the account {holder.code}"
    if agreement.currency != drawer.currency:
        return f"it is in {agreement.currency}, the charge in {drawer.currency}"
    if agreement.products and drawer.product_id not in agreement.products:
        return "its productIds do not name the charge's product"
    if drawer.type not in agreement.types:
        return f"its lineItemTypes do not name {drawer.type}"
    if agreement.contract_id is not None and agreement.contract_id != drawer.contract_id:
        return "its contract is not the account plan's contract"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Fund:
    """A PREPAYMENT commitment or a balance, as draw-down needs it. Amounts are minor units.

    Slices that start in `[start, end)` can draw it; `end` is the cancel date once it is cancelled. From `agreed_end`
    on, the amount that rolls over can be drawn until `rollover_end`.
    """

    id: str
    code: str
    kind: CreditKind
    account: AccountTerms
    currency: str
    rounding: Rounding
    contract_id: str | None
    products: frozenset[str]
    types: frozenset[str]
    mode: ChildBillingMode
    start: date
    end: date
    agreed_end: date
    cancelled: date | None
    #: The amount it was agreed with; 0 for a balance, which gets its amount from transactions.
    amount: int
    paid_in: PaidIn
    rollover_end: date | None
    rollover_percent: Fraction
    rollover_cap: int | None
    rollover_last: bool
    surcharge: Decimal
    separate: bool
    usage_description: str
    overage_description: str
    accounting_product_id: str | None
    #: Its place among the commitments, or among the balances, of the family.
    order: "Precedence"

    def rolled(self, spent: int) -> int:
        """The amount that rolls over if `spent` was drawn in the term. Payments from the term's end on lapse."""
        left = self.paid_in.drawable(max(self.start, self.agreed_end - ONE_DAY)) - spent
        if self.rolls_until is None or left <= 0:
            return 0
        share = left * self.rollover_percent / 100
        rolled = share.numerator // share.denominator
        return rolled if self.rollover_cap is None else min(rolled, self.rollover_cap)

    @property
    def rolls_until(self) -> date | None:
        """The day until which what rolls over can be drawn; None where nothing does, as of what was cancelled."""
        return self.rollover_end if self.cancelled is None else None

    @property
    def edges(self) -> set[date]:
        """Start, end, cancel and rollover end."""
        days = {self.start, self.end, self.agreed_end}
        return days if self.rollover_end is None else days | {self.rollover_end}

    @property
    def has_overage_terms(self) -> bool:
        """Whether it has any terms about overage."""
        return bool(self.surcharge) or self.separate

    def surcharge_on(self, overage: Decimal) -> Fraction:
        """What it charges on top of overage of so much money: not yet rounded (rules 5.3)."""
        return Fraction(overage) * Fraction(self.surcharge) / 100


class Precedence(NamedTuple):
    """The sort key among commitments, or among balances, field by field (rules 4.4)."""

    without_priority: bool
    priority: int
    end: date
    start: date
    without_contract: bool
    for_all_products: bool
    created: int
    id: str


class Window(NamedTuple):
    """The days on which a fund can be drawn: in its term, or rolled over. Windows sort by their place in the draw
    order.
    """

    place: int
    fund: int
    start: date
    end: date
    rolled: bool


def draw_order(funds: Sequence[Fund], account: AccountTerms, drawer: Drawer) -> list[Window]:
    """The windows of the funds that are eligible for the charge, in draw order, with places from 1 (rules 4.4, 4.5,
    6.19).
    """
    ranked: list[tuple[tuple[int, int, Precedence], Window]] = []
    for number, fund in enumerate(funds):
        if fund.kind not in account.credit_order or refusal(fund, drawer) is not None:
            continue
        kind = account.credit_order.index(fund.kind)
        ranked.append(((kind, 1, fund.order), Window(0, number, fund.start, fund.end, False)))
        if fund.rolls_until is not None:
            group = 2 if fund.rollover_last else 0
            rest = Window(0, number, fund.agreed_end, fund.rolls_until, True)
            ranked.append(((kind, group, fund.order), rest))
    ranked.sort()
    return [window._replace(place=place) for place, (_, window) in enumerate(ranked, 1)]


class Considered(NamedTuple):
    """A commitment or balance that was considered for a slice: its place if it is eligible, otherwise the reason why
    not.
    """

    agreement_id: str
    place: int | None
    reason: str | None


def considered(funds: Sequence[Fund], account: AccountTerms, drawer: Drawer, day: date) -> list[Considered]:
    """Every fund of the family, with its place in the draw order of a slice that starts on the day, or the reason why
    it has no place.

    Whether a fund had anything left is not checked here: the draws tell.
    """
    windows = [window for window in draw_order(funds, account, drawer) if window.start <= day < window.end]
    places = {window.fund: window.place for window in windows}
    funds_considered = []
    for number, fund in enumerate(funds):
        reason = refusal(fund, drawer)
        if reason is None and fund.kind not in account.credit_order:
            reason = f"creditApplicationOrder does not name {fund.kind}"
        if reason is None and number not in places:
            reason = f"{day} is not in its term [{fund.start}, {fund.end})"
        funds_considered.append(Considered(fund.id, places.get(number), reason))
    return sorted(funds_considered, key=lambda fund: (fund.place is None, fund.place or 0))
