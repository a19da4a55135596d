"""Charges that are put on an account directly, once or by a schedule (rules 3.18, 3.26): without a plan or a usage
quantity, one line each.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from events.resources.accounts import BREAKDOWN
from events.resources.balances import BalanceChargeSchedule
from events.resources.charges import AccountCharge, Priced
from projections.calendar import named_day
from projections.entities import BalanceEntity, Entity, ScheduleEntity
from projections.rating.charges import Charge, ChargeKey, one_slice
from projections.rating.index import FamilyIndex
from projections.rating.plans import organization_rounding
from projections.rating.terms import AccountTerms, ChargeTerms
from projections.resources import Resources
from projections.schedules import FeePeriod, balance_schedules, fee_periods, occurrence_id

ONE = Fraction(1)
#: Fees are made this far beyond the requested day, so that requests day by day seldom have to make them again.
_AHEAD = timedelta(days=366)


def one_off_charges(resources: Resources, index: FamilyIndex, account: AccountTerms) -> Iterator[Charge]:
    """The account's one-off charges, oldest first; each is due on its bill date, else on the first day of its
    service.
    """
    for entity in index.owned(resources, "charges", "account_id", account.id):
        yield _one_off(resources, account, entity)


def _one_off(resources: Resources, account: AccountTerms, entity: Entity[AccountCharge]) -> Charge:
    body = entity.body
    start = named_day(body.service_period_start_date, account.zone)
    terms = _terms(resources, body.currency, body.contract_id)
    amount, quantity = _priced(terms, body)
    return Charge(
        key=ChargeKey(body.line_item_type, account.id, "", entity.id, start),
        plan=terms,
        account=account,
        end=named_day(body.service_period_end_date, account.zone),
        due=body.bill_date or start,
        amount=amount,
        slices=one_slice(start, amount),
        quantity=quantity,
        units=quantity,
        description=body.description or body.name,
        item_code=body.code,
        accounting_product_id=body.accounting_product_id,
        balance_id=body.entity_id,
    )


class ScheduledFees:
    """The fees of one schedule, made as far ahead as they were requested. Only its own methods change it."""

    def __init__(
        self,
        resources: Resources,
        account: AccountTerms,
        balance: BalanceEntity,
        schedule: ScheduleEntity[BalanceChargeSchedule],
    ) -> None:
        self._resources, self._account, self._balance, self._schedule = resources, account, balance, schedule
        self._made: list[Charge] = []
        self._until = date.min

    def due(self, through: date) -> list[Charge]:
        """The fees due by the day, in order of their due days."""
        if through > self._until:
            until = through + min(_AHEAD, date.max - through)
            self._made = list(self._charges(until))
            self._until = until
        return self._made[: bisect_right(self._made, through, key=lambda charge: charge.due)]

    def _charges(self, until: date) -> Iterator[Charge]:
        for fee in fee_periods(self._resources, self._schedule, self._balance.body, self._account.zone):
            if fee.due > until:
                break
            yield self._charge(fee)

    def _charge(self, fee: FeePeriod) -> Charge:
        body, balance = fee.body, self._balance.body
        terms = _terms(self._resources, body.currency, balance.contract_id)
        amount, quantity = _priced(terms, body)
        id = occurrence_id(self._schedule.id, fee.due)
        return Charge(
            key=ChargeKey("BALANCE_FEE", self._account.id, "", id, fee.period.start),
            plan=terms,
            account=self._account,
            end=fee.period.end,
            due=fee.due,
            amount=amount,
            slices=one_slice(fee.period.start, amount),
            quantity=quantity,
            units=quantity,
            description=body.charge_description or body.name,
            item_code=body.code,
            accounting_product_id=balance.fees_accounting_product_id,
            balance_id=self._balance.id,
            schedule_id=self._schedule.id,
        )


def scheduled_fees(resources: Resources, index: FamilyIndex, account: AccountTerms) -> Iterator[ScheduledFees]:
    """The fees of the schedules of the account's balances, oldest balance first."""
    for balance in index.owned(resources, "balances", "account_id", account.id):
        for schedule in balance_schedules(resources, index, balance, BalanceChargeSchedule):
            yield ScheduledFees(resources, account, balance, schedule)


def _priced(terms: ChargeTerms, priced: Priced) -> tuple[int, Fraction]:
    """The price in minor units, and the quantity."""
    return terms.rounding.minor(Fraction(priced.worth)), ONE if priced.units is None else Fraction(priced.units)


def _terms(resources: Resources, currency: str, contract_id: str | None) -> ChargeTerms:
    """The terms of a charge without plan and product."""
    return ChargeTerms(
        id="",
        plan_id="",
        group_id="",
        template_id="",
        code="",
        product_id="",
        product_code="",
        currency=currency,
        rounding=organization_rounding(resources, currency),
        contract_id=contract_id,
        mode=BREAKDOWN,
    )
