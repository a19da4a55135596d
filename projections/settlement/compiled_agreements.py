"""Compile commitments and balances into what draw-down, fees and true-ups need (rules 4 to 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import get_args

from events.facts.bills import ChargeType
from events.facts.commitments import BillingGrid
from events.resources.accounts import BREAKDOWN
from events.resources.balances import Balance
from events.resources.catalog import Frequency
from events.resources.commitments import Commitment, DrawableType
from projections.calendar import Grid, grid, named_day
from projections.entities import AccountEntity, BalanceEntity, CommitmentEntity
from projections.line_types import CHARGES
from projections.money import Rounding
from projections.rating.index import FamilyIndex, plans_of
from projections.rating.plans import organization_rounding
from projections.rating.prices import billed_in_advance
from projections.rating.terms import AccountTerms
from projections.resources import Resources
from projections.schedules import balance_top_ups
from projections.settlement.agreements import Fund, Precedence
from projections.settlement.billing_periods import attached_plans, billing_grid
from projections.settlement.fees import Fee, fees
from projections.settlement.minimums import Minimum, commitment_periods
from projections.settlement.payments import paid_in

#: The types of charges that are drawn or counted if `lineItemTypes` is empty.
OF_COMMITMENTS: frozenset[ChargeType] = frozenset(get_args(DrawableType))
OF_BALANCES: frozenset[ChargeType] = OF_COMMITMENTS | {row.type for row in CHARGES.values() if row.of_balances}
#: The products of an agreement that is for every product.
_EVERY_PRODUCT: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Prepayment:
    """A PREPAYMENT commitment: the fund that slices draw, and the fees that pay for it."""

    fund: Fund
    fees: tuple[Fee, ...]
    fee_description: str
    fee_accounting_product_id: str | None
    frequency: Frequency
    interval: int

    def fees_due(self, through: date) -> Iterator[Fee]:
        """The fees billed by the day, without fees of 0, which are on no line."""
        return (fee for fee in self.fees if fee.due <= through and fee.amount)


def compile_commitments(
    resources: Resources, index: FamilyIndex, accounts: Mapping[str, AccountTerms]
) -> tuple[tuple[Prepayment, ...], tuple[Minimum, ...]]:
    """The family's commitments of both kinds, each oldest first within its account."""
    prepayments, minimums = [], []
    for account in accounts.values():
        for entity in index.owned(resources, "commitments", "account_id", account.id):
            if entity.body.kind == "MINIMUM":
                minimums.append(_minimum(resources, index, account, entity))
            else:
                prepayments.append(_prepayment(resources, index, account, entity))
    return tuple(prepayments), tuple(minimums)


def compile_balances(
    resources: Resources, index: FamilyIndex, accounts: Mapping[str, AccountTerms]
) -> tuple[Fund, ...]:
    """The family's balances, each oldest first within its account."""
    return tuple(
        _balance(resources, index, account, entity)
        for account in accounts.values()
        for entity in index.owned(resources, "balances", "account_id", account.id)
    )


def _named(given: Sequence[str] | None, every: frozenset[str]) -> frozenset[str]:
    """The members of `productIds` or `lineItemTypes`; if empty, `every`, which many agreements share."""
    return frozenset(given) if given else every


def _cap(body: Commitment | Balance, rounding: Rounding) -> int | None:
    """The most that rolls over, in minor units; None: no limit."""
    return None if body.rollover_amount is None else rounding.floor(Fraction(body.rollover_amount))


def _surcharge(body: Commitment | Balance) -> Decimal:
    """The surcharge, in percent of overage under its terms."""
    return body.overage_surcharge_percent or Decimal(0)


def _order(entity: CommitmentEntity | BalanceEntity, start: date, end: date, priority: int | None) -> Precedence:
    """Its sort key among agreements of its kind (rules 4.4)."""
    return Precedence(
        without_priority=priority is None,
        priority=priority or 0,
        end=end,
        start=start,
        without_contract=entity.body.contract_id is None,
        for_all_products=not entity.body.product_ids,
        created=entity.position,
        id=entity.id,
    )


def _prepayment(
    resources: Resources, index: FamilyIndex, account: AccountTerms, entity: CommitmentEntity
) -> Prepayment:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    billing = billing_grid(resources, index, resources.accounts[account.id], body) if body.billing_plan_id else None
    return Prepayment(
        fund=_fund(account, entity, rounding),
        fees=fees(
            body,
            zone=account.zone,
            rounding=rounding,
            billing=periods_of(billing) if billing else None,
            in_advance=billed_in_advance("commitment_fee", body, resources.configured),
            top_ups=entity.top_ups,
            cancellation=entity.cancellation,
        ),
        fee_description=body.commitment_fee_description or "Commitment Fee",
        fee_accounting_product_id=body.fees_accounting_product_id or body.accounting_product_id,
        frequency=billing.frequency if billing else "MONTHLY",
        interval=billing.interval if billing else 1,
    )


def _fund(account: AccountTerms, entity: CommitmentEntity, rounding: Rounding) -> Fund:
    body = entity.body
    cancelled = entity.cancellation.date if entity.cancellation else None
    payments = [(body.start_date, body.amount), *((top_up.date, top_up.amount) for top_up in entity.top_ups)]
    return Fund(
        id=entity.id,
        code=entity.called,
        kind="PREPAYMENT",
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=_named(body.product_ids, _EVERY_PRODUCT),
        types=_named(body.line_item_types, OF_COMMITMENTS),
        mode=body.mode,
        start=body.start_date,
        end=body.end_date if cancelled is None else cancelled,
        agreed_end=body.end_date,
        cancelled=cancelled,
        amount=rounding.minor(body.amount),
        paid_in=paid_in(rounding, payments, body.start_date),
        rollover_end=body.rollover_end_date,
        rollover_percent=Fraction(100 if body.rollover_percent is None else body.rollover_percent),
        rollover_cap=_cap(body, rounding),
        rollover_last=body.rollover_order == "LAST",
        surcharge=_surcharge(body),
        separate=bool(body.separate_overage_usage) and not body.overage_surcharge_percent,
        usage_description=body.commitment_usage_description or "Commitment Consumed",
        overage_description=body.overage_description or "",
        accounting_product_id=body.drawdowns_accounting_product_id or body.accounting_product_id,
        order=_order(entity, body.start_date, body.end_date, body.priority),
    )


def _balance(resources: Resources, index: FamilyIndex, account: AccountTerms, entity: BalanceEntity) -> Fund:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    start, end = named_day(body.start_date, account.zone), named_day(body.end_date, account.zone)
    rolls_until = body.rollover_end_date
    return Fund(
        id=entity.id,
        code=entity.called,
        kind="BALANCE",
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=_named(body.product_ids, _EVERY_PRODUCT),
        types=_named(body.line_item_types, OF_BALANCES),
        mode=BREAKDOWN,
        start=start,
        end=end,
        agreed_end=end,
        cancelled=None,
        amount=0,
        paid_in=paid_in(
            rounding,
            [(transaction.date, transaction.amount) for transaction in entity.transactions],
            start,
            balance_top_ups(resources, index, entity, account.zone),
        ),
        rollover_end=None if rolls_until is None else named_day(rolls_until, account.zone),
        rollover_percent=Fraction(100),
        rollover_cap=_cap(body, rounding),
        rollover_last=False,
        surcharge=_surcharge(body),
        separate=False,
        usage_description=body.balance_draw_down_description or "Balance Consumed",
        overage_description=body.overage_description or "",
        accounting_product_id=body.consumptions_accounting_product_id,
        order=_order(entity, start, end, None),
    )


def _minimum(resources: Resources, index: FamilyIndex, account: AccountTerms, entity: CommitmentEntity) -> Minimum:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    billing = entity.grid or _grid_of_today(resources, index, resources.accounts[account.id], body)
    periods = commitment_periods(
        body, rounding=rounding, billing=periods_of(billing), top_ups=entity.top_ups, cancellation=entity.cancellation
    )
    return Minimum(
        id=entity.id,
        code=entity.called,
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=_named(body.product_ids, _EVERY_PRODUCT),
        types=_named(body.line_item_types, OF_COMMITMENTS),
        mode=body.mode,
        start=body.start_date,
        end=body.end_date,
        cancelled=entity.cancellation.date if entity.cancellation else None,
        amount=rounding.minor(body.amount),
        topped_up=sum(rounding.minor(top_up.amount) for top_up in entity.top_ups),
        description=body.commitment_fee_description or "Commitment True-up",
        accounting_product_id=body.fees_accounting_product_id or body.accounting_product_id,
        frequency=billing.frequency,
        interval=billing.interval,
        periods=periods,
        edges=(*(period.start for period in periods), *(period.end for period in periods[-1:])),
    )


def _grid_of_today(resources: Resources, index: FamilyIndex, account: AccountEntity, body: Commitment) -> BillingGrid:
    """The billing periods for a MINIMUM whose facts fix no grid; of several account plans the first one counts."""
    attached = attached_plans(resources, index, account, body)
    first = plans_of(resources, index, attached[0].body)[:1] if attached else []
    body = body.model_copy(update={"billing_plan_id": first[0]}) if first else body
    grid = billing_grid(resources, index, account, body)
    assert grid is not None, "there is one with a billingPlanId, and one with one account plan or none"
    return grid


def periods_of(billing: BillingGrid) -> Grid:
    """The billing periods of a commitment's grid."""
    return grid(billing.frequency, billing.interval, billing.epoch)
