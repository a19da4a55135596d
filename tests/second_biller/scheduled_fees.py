"""Fees for balances by their schedules."""

from collections.abc import Iterator
from fractions import Fraction

from .charges import Charge, Slice
from .grid import FAR, Grid, periods
from .money import round_money
from .reading import Thing, absent, day, flag, num, whole
from .schedules import FEES, term_of, told_of
from .world import World


def fees(world: World, members: list[str]) -> list[Charge]:
    return [fee for balance in world.balances_of(members) for fee in fees_of(world, balance)]


def fees_of(world: World, balance: Thing) -> Iterator[Charge]:
    account = str(balance["account"])
    for told in told_of(world, FEES, str(balance["code"])):
        for _, thing in told.terms:
            frequency = str(thing.get("billFrequency") or "MONTHLY")
            epoch = world.epoch(frequency) if absent(thing.get("billEpoch")) else day(thing["billEpoch"])
            grid = Grid(frequency, whole(thing.get("billFrequencyInterval"), 1), epoch)
            currency = world.currency_of(thing)
            units = Fraction(1) if absent(thing.get("units")) else num(thing["units"])
            worth = units * num(thing["unitPrice"]) if absent(thing.get("amount")) else num(thing["amount"])
            for period in periods(grid, *term_of(world, FEES, thing), FAR):
                due = period.start if flag(thing.get("billInAdvance")) else period.end
                if told.holds(thing, due):
                    amount = round_money(worth, currency, world.rounding)
                    plan = {
                        "code": f"schedule {told.code} {due}",
                        "account": account,
                        "entity": balance["code"],
                        "description": thing.get("chargeDescription") or told.code,
                        "contract": balance.get("contract"),
                    }
                    named = (currency, period.start, period.end, due, amount)
                    fee = Charge("BALANCE_FEE", account, plan, "", "", f"{told.code} {due}", *named)
                    fee.quantity, fee.slices = units, [Slice(period.start, amount)]
                    yield fee
