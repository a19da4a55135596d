"""The parts of an explanation. Documents use the wire's names; amounts in them are money, not minor units."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

from events.absent import only_given
from events.decimals import EXACT, normal
from events.facts.bills import BillLine
from projections.measures import Compound, CompoundState, Day, Worked
from projections.money import Rounding
from projections.rating.charges import Charge
from projections.rating.pools import Pool
from projections.rating.terms import Series

Document = dict[str, Any]


class Add(NamedTuple):
    """A summand of a part, in minor units."""

    what: str
    amount: int


class UsageRef(NamedTuple):
    """The usage of one account, aggregation and segment on some days."""

    account_id: str
    aggregation_id: str
    segment: str
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class LinePart:
    """The contribution of one charge, fee or commitment period to a line. `adds` sum to it.

    `usage` are the totals whose records are behind it, `resources` the ids of its terms.
    """

    adds: tuple[Add, ...]
    rounding: Rounding
    inputs: Document
    slices: tuple[Document, ...] = ()
    usage: tuple[UsageRef, ...] = ()
    resources: frozenset[str] = frozenset()

    @property
    def amount(self) -> int:
        """The contribution in minor units."""
        return sum(add.amount for add in self.adds)

    def document(self) -> Document:
        """The part as the wire shows it."""
        money = self.rounding.decimal
        return {
            "amount": money(self.amount),
            "inputs": self.inputs,
            "adds": [{"what": add.what, "amount": money(add.amount)} for add in self.adds],
            "slices": list(self.slices),
        }


class Earlier(NamedTuple):
    """An earlier bill's line for the same key."""

    bill_id: str
    bill_date: date
    line: BillLine


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of a line: `amount` is the due amount by the bill's date less what was billed before."""

    rule: str
    line: BillLine
    parts: tuple[LinePart, ...]
    earlier: tuple[Earlier, ...]
    due: Decimal
    usage: tuple[UsageRef, ...] = field(default=())
    resources: frozenset[str] = frozenset()

    @property
    def billed(self) -> Decimal:
        """The sum that earlier bills charged for the key."""
        with localcontext(EXACT):
            return sum((bill.line.amount for bill in self.earlier), Decimal(0))

    @property
    def adds_up(self) -> bool:
        """Whether the parts sum to the due amount, and the due amount less earlier bills is the line's amount."""
        with localcontext(EXACT):
            parts = sum((part.rounding.decimal(part.amount) for part in self.parts), Decimal(0))
            return parts == self.due and self.due - self.billed == self.line.amount

    def document(self) -> Document:
        """The explanation as the wire shows it, without its events."""
        line = self.line
        return {
            "lineId": line.id,
            "sequenceNumber": line.number,
            "lineItemType": line.type,
            **({"chargeType": line.charge_type} if line.charge_type else {}),
            "description": line.description,
            "servicePeriod": [line.period_start, line.period_end],
            "amount": line.amount,
            "rule": self.rule,
            "due": self.due,
            "billedBefore": self.billed,
            "addsUp": self.adds_up,
            "parts": [part.document() for part in self.parts],
            "earlier": [
                {
                    "billId": bill.bill_id,
                    "billDate": bill.bill_date,
                    "lineId": bill.line.id,
                    "amount": bill.line.amount,
                    "quantity": bill.line.quantity,
                }
                for bill in self.earlier
            ],
        }


def number(value: Fraction) -> Decimal:
    """A number for people to read: exact if 18 fraction digits suffice, else rounded to 18."""
    with localcontext(EXACT):
        return normal(Decimal(round(value * 10**18)).scaleb(-18))


def ratio(value: Fraction) -> str:
    """A share as a fraction, such as 17/31."""
    return str(value)


def charge_document(charge: Charge) -> Document:
    """A charge's attributes, by the wire's names."""
    plan = charge.plan
    document = {
        "type": charge.type,
        "accountId": charge.account.id,
        "accountCode": charge.account.code,
        "productId": plan.product_id or None,
        "planId": plan.plan_id or None,
        "planGroupId": plan.group_id or None,
        "accountPlanId": plan.id or None,
        "contractId": plan.contract_id,
        "pricingId": charge.pricing_id,
        "chargeId": charge.charge_id,
        "balanceId": charge.balance_id,
        "scheduleId": charge.schedule_id,
        "aggregationId": charge.aggregation_id,
        "compoundAggregationId": charge.compound_id,
        "segment": charge.segment or None,
        "counterId": charge.counter_id,
        "servicePeriod": [charge.start, charge.end],
        "due": charge.due,
        "amount": plan.rounding.decimal(charge.amount),
    }
    return only_given(document)


def charge_resources(charge: Charge) -> frozenset[str]:
    """Ids of the terms that a charge follows."""
    plan = charge.plan
    of_plan = (plan.id, plan.plan_id, plan.group_id, plan.template_id, plan.contract_id)
    of_usage = (charge.aggregation_id, charge.compound_id)
    of_balance = (charge.balance_id, charge.schedule_id)
    ids = (*of_plan, *of_usage, charge.key.pricing_id, charge.counter_id, *of_balance)
    return frozenset(id for id in ids if id)


def aggregation_document(series: Series) -> Document:
    """The priced aggregation with its function, or a compound aggregation with the aggregations in its formula."""
    measure = series.measure
    if isinstance(measure, Compound):
        of = [{"id": source.id, "code": source.code, "function": source.function} for source in measure.sources]
        document: Document = {"id": series.compound_id, "name": series.aggregation_name, "aggregations": of}
    else:
        document = {"id": series.aggregation_id, "name": series.aggregation_name, "function": series.function}
    return document | {"quantityPerUnit": number(series.quantity_per_unit), "rounding": series.rounding}


def day_document(series: Series, day: Day) -> Document:
    """A day's quantity; for a formula, each aggregation's. If the day is not held, another pricing applies or none
    does.
    """
    document: Document = {"day": day.day}
    if isinstance(series.measure, Compound):
        assert isinstance(day.state, CompoundState)
        document["values"] = _values(series.measure.worked_out(day.state))
    else:
        document["quantity"] = number(series.measure.value(day.state))
    document["records"] = day.state.records
    return document if day.held else document | {"onlyFillsTiers": True}


def formula_document(pool: Pool) -> Document:
    """For a compound aggregation: its value at the end of the charge's days, its inputs, and the reason if it could not
    be evaluated and is 0. Empty for a single aggregation.
    """
    measure = pool.series.measure
    if not isinstance(measure, Compound):
        return {}
    states = [day.state for day in pool.days if day.day < pool.end]
    state = measure.merge_all([*([pool.base] if pool.base else []), *states])  # type: ignore[list-item]
    if state is None:
        return {}
    worked = measure.worked_out(state)
    document: Document = {"values": _values(worked), "value": number(worked.value)}
    return {"calculation": document | ({"undefined": worked.why} if worked.why else {})}


def _values(worked: Worked) -> Document:
    """The values by code, without aggregations that have neither usage nor a defaultValue."""
    return {code: number(quantity) for code, quantity in worked.values.items() if quantity is not None}
