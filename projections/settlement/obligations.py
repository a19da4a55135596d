"""The fees of prepayments that remain to be billed, day by day (rules 6.20)."""

from collections.abc import Container, Iterator
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from events.decimals import EXACT
from projections.settlement.billed import Billed, LineKey
from projections.settlement.family import Family
from projections.settlement.lines import fee_key
from projections.settlement.minimums import Minimum


class Obligation(NamedTuple):
    """An amount still to be billed to an account on `due` for its prepayments; a negative amount is to be refunded."""

    account_id: str
    zone: str
    currency: str
    due: date
    amount: Decimal


def obligations(family: Family, today: date, accounts: Container[str] | None = None) -> Iterator[Obligation]:
    """The fees of these accounts' prepayments (None: of all), less the amounts that bills charged for them.

    A fee stands on its due day, also if that day is over. An amount that was charged but is no longer owed, also of
    deleted prepayments, is refunded `today`, with the next bill. So a bill for a day not before `today` has all
    obligations due until that day.
    """
    left = _charged(family.billed)
    with localcontext(EXACT):
        for prepayment in family.terms.prepayments:
            fund = prepayment.fund
            for fee in prepayment.fees:
                key, amount = fee_key(fund, fee), fund.rounding.decimal(fee.amount)
                paid = min(amount, left.get(key, Decimal(0)))
                if paid:
                    left[key] -= paid
                if amount > paid and (accounts is None or fund.account.id in accounts):
                    yield Obligation(fund.account.id, fund.account.zone, key.currency, fee.due, amount - paid)
        true_ups = _true_ups(family.terms.minimums, family.billed.through(today))
        for key, amount in left.items():
            owed = amount and (key.agreement_id, key.start) not in true_ups
            if owed and (accounts is None or key.owner_id in accounts):
                owner = family.terms.accounts.get(key.owner_id)
                zone = "UTC" if owner is None else owner.zone
                yield Obligation(key.owner_id, zone, key.currency, today, -amount)


def _charged(billed: Billed) -> dict[LineKey, Decimal]:
    """The amounts that bills charged for fees and true-ups, by line key."""
    return {key: line.amount for key, line in billed.by_key.items() if key.type == "COMMITMENT_FEE"}


def _true_ups(minimums: tuple[Minimum, ...], through: date) -> set[tuple[str, date]]:
    """Periods whose true-up may have been billed by now, by minimum and first day: their lines are no fees."""
    return {(minimum.id, period.start) for minimum in minimums for period in minimum.periods if period.end <= through}
