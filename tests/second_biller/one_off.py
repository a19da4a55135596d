"""Charges that are put on an account as they are, and fees for its balances."""

from fractions import Fraction

from .charges import Charge, Slice
from .money import round_money
from .reading import absent, num
from .world import World


def one_off_charges(world: World, members: list[str]) -> list[Charge]:
    """Due on their own date, else when their service starts; no account plan stands behind them."""
    found = []
    for told in world.all("charges"):
        if told["account"] not in members:
            continue
        account, currency = str(told["account"]), world.currency_of(told)
        start, end = (world.day_of(account, told[f"servicePeriod{side}Date"]) for side in ("Start", "End"))
        units = Fraction(1) if absent(told.get("units")) else num(told["units"])
        worth = units * num(told["unitPrice"]) if absent(told.get("amount")) else num(told["amount"])
        amount = round_money(worth, currency, world.rounding)
        kind = "AD_HOC" if absent(told.get("entity")) else "BALANCE_FEE"
        nothing = {"code": f"charge {told['code']}", "account": account, "contract": told.get("contract")}
        due = world.day_or(account, told.get("billDate"), start)
        charge = Charge(kind, account, nothing, "", "", str(told["code"]), currency, start, end, due, amount)
        charge.quantity, charge.slices = units, [Slice(start, amount)]
        found.append(charge)
    return found
