"""What remains to be billed of the fees of prepayments, day by day (rules 6.20)."""

from collections import defaultdict
from collections.abc import Container, Iterator
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from events.decimals import EXACT
from projections.settlement.billed import Billed, LineKey
from projections.settlement.family import Family
from projections.settlement.lines import fee_key


class Obligation(NamedTuple):
    """An amount that the account of a prepayment is still to be billed on `due`; below zero, to be given back."""

    account_id: str
    zone: str
    currency: str
    due: date
    amount: Decimal


def obligations(family: Family, today: date, accounts: Container[str] | None = None) -> Iterator[Obligation]:
    """Of each prepayment of these accounts (None: all) its fees, less what bills charged of them.

    A fee stands on the day it is due, also when that day is over; what was charged and is owed no more is given back
    `today`, with the next bill. So all that is due until a day not before `today` is what a bill for that day has.
    """
    charged = _charged(family.billed)
    with localcontext(EXACT):
        for prepayment in family.terms.prepayments:
            fund = prepayment.fund
            if accounts is not None and fund.account.id not in accounts:
                continue
            of_account = fund.account.id, fund.account.zone, fund.currency
            left = charged.get(fund.id, {})
            for fee in prepayment.fees:
                key, amount = fee_key(fund, fee), fund.rounding.decimal(fee.amount)
                paid = min(amount, left.get(key, Decimal(0)))
                if paid:
                    left[key] -= paid
                if amount > paid:
                    yield Obligation(*of_account, fee.due, amount - paid)
            for amount in left.values():
                if amount:
                    yield Obligation(*of_account, today, -amount)


def _charged(billed: Billed) -> dict[str, dict[LineKey, Decimal]]:
    """What bills charged of fees and true-ups, by commitment and line key."""
    found: defaultdict[str, dict[LineKey, Decimal]] = defaultdict(dict)
    for key, line in billed.by_key.items():
        if key.type == "COMMITMENT_FEE":
            found[key.agreement_id][key] = line.amount
    return found
