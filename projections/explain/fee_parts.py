"""Fees of prepayments and true-ups of minimums (rules 6.1 to 6.14, 6.17, 6.18)."""

from collections.abc import Iterator

from projections.explain.parts import Add, Document, LinePart, UsageRef, charge_document, number, ratio
from projections.explain.usage_parts import accounts_of, rated_of
from projections.line_types import METERED
from projections.settlement import Settlement
from projections.settlement.billed import LineKey
from projections.settlement.compiled_agreements import Prepayment
from projections.settlement.fees import Fee
from projections.settlement.minimums import Counted, Minimum, count

_FEES = {
    "INSTALMENT": "an equal part of what is outstanding",
    "FIRST_BILL": "amountFirstBill",
    "SCHEDULE": "a fee of feeDates",
    "TOP_UP": "a part of a top-up",
}


def fee_parts(settlement: Settlement, prepayment: Prepayment, key: LineKey) -> Iterator[LinePart]:
    """Every due fee of the line's service period."""
    for fee in prepayment.fees_due(settlement.through):
        if fee.start == key.start:
            yield _fee(prepayment, fee)


def _fee(prepayment: Prepayment, fee: Fee) -> LinePart:
    fund, basis = prepayment.fund, fee.basis
    money = fund.rounding.decimal
    inputs: Document = {
        "commitmentId": fund.id,
        "code": fund.code,
        "source": basis.source,
        "divided": money(basis.amount),
        "weight": ratio(basis.weight),
        "weights": ratio(basis.weights),
        "unrounded": number(basis.amount * basis.weight / basis.weights / 10**fund.rounding.digits),
        "servicePeriod": [fee.start, fee.end],
        "due": fee.due,
    }
    if basis.due != fee.due:
        inputs["dueBeforeCancel"] = basis.due
    what = _FEES[basis.source]
    if basis.rule is not None:
        inputs["automaticRule"] = basis.rule
        what += f" by automatic rule {basis.rule}"
    resources = frozenset((fund.id,))
    return LinePart((Add(what, fee.amount),), fund.rounding, inputs, resources=resources)


def true_up_part(settlement: Settlement, minimum: Minimum, key: LineKey) -> LinePart:
    """The amount a commitment period owes, the amount counted, and the rest, which may be 0; the part then says why."""
    index = next(index for index, period in enumerate(minimum.periods) if period.start == key.start)
    period, state = minimum.periods[index], settlement.minimum_periods[minimum.id][index]
    counted = [part for part in _counted(settlement, minimum) if part.number == index]
    adds = [Add("what the commitment period owes", period.owed)]
    adds += [
        Add(f"counted: {part.charge.type} {part.charge.item_code} from {part.start}", -part.amount) for part in counted
    ]
    rest = state.true_up - sum(add.amount for add in adds)
    if rest:
        adds.append(Add(_why_not(state.state), rest))
    money, why = minimum.rounding.decimal, period.why
    inputs: Document = {
        "commitmentId": minimum.id,
        "code": minimum.code,
        "commitmentPeriod": [period.start, period.end],
        "amount": number(why.recurring),
        "shareOfPeriod": ratio(why.share),
        "oneTimeTopUps": number(why.once),
        "elapsed": ratio(why.elapsed),
        "owed": money(period.owed),
        "counted": money(state.counted),
        "state": state.state,
        "charges": [
            {"charge": charge_document(part.charge), "start": part.start, "amount": money(part.amount)}
            for part in counted
        ],
    }
    refs = tuple(_refs(settlement, minimum, index, counted))
    resources = frozenset((minimum.id,))
    return LinePart(tuple(adds), minimum.rounding, inputs, usage=refs, resources=resources)


def _counted(settlement: Settlement, minimum: Minimum) -> Iterator[Counted]:
    return count(minimum, settlement.debits, settlement.others)


def _why_not(state: str) -> str:
    match state:
        case "WAIVED":
            return "waived by the cancel"
        case "ENDED":
            return "more counted than the period owes"
        case _:
            return "the period has not ended"


def _refs(settlement: Settlement, minimum: Minimum, index: int, counted: list[Counted]) -> Iterator[UsageRef]:
    """The usage that counted: of the charges' accounts, on the period's days."""
    period, charges = minimum.periods[index], set()
    for part in counted:
        if part.charge.type not in METERED or part.charge.key in charges:
            continue
        charges.add(part.charge.key)
        pool = rated_of(settlement, part.charge).pool
        for key, account in ((key, member) for member in accounts_of(pool) for key in pool.series.keys(member.id)):
            totals = settlement.family.totals.get(key, {})
            inside = (day.day for day in pool.days if day.held and period.start <= day.day < period.end)
            days = tuple(day for day in inside if day in totals and pool.plan.rates(account, day))
            if days:
                yield UsageRef(*key, days)
