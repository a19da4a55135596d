"""Charges that were put on an account as they are (rules 3.18): no plan, no quantity of usage, one line each."""

from collections.abc import Iterator
from fractions import Fraction

from projections.calendar import named_day
from projections.rating.charges import Charge, ChargeKey, Slice
from projections.rating.index import FamilyIndex
from projections.rating.plans import organization_rounding
from projections.rating.terms import AccountTerms, ChargeTerms
from projections.resources import Resources

ONE = Fraction(1)


def one_off_charges(resources: Resources, index: FamilyIndex, account: AccountTerms) -> Iterator[Charge]:
    """The account's, oldest first; each is due on its bill date, else on the first day of its service."""
    for entity in index.owned(resources, "charges", "account_id", account.id):
        body = entity.body
        start = named_day(body.service_period_start_date, account.zone)
        rounding = organization_rounding(resources, body.currency)
        amount = rounding.minor(Fraction(body.worth))
        quantity = ONE if body.units is None else Fraction(body.units)
        yield Charge(
            key=ChargeKey(body.line_item_type, account.id, "", entity.id, start),
            plan=ChargeTerms(
                id="",
                plan_id="",
                group_id="",
                template_id="",
                code="",
                product_id="",
                product_code="",
                currency=body.currency,
                rounding=rounding,
                contract_id=body.contract_id,
                mode="PARENT_BREAKDOWN",
            ),
            account=account,
            end=named_day(body.service_period_end_date, account.zone),
            due=body.bill_date or start,
            amount=amount,
            slices=(Slice(start, amount),) if amount else (),
            quantity=quantity,
            units=quantity,
            description=body.description or body.name,
            item_code=body.code,
            accounting_product_id=body.accounting_product_id,
            balance_id=body.entity_id,
        )
