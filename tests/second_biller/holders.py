"""Commitments and balances as something to draw from: who may, in which order, and how much is left."""

from datetime import date, timedelta
from fractions import Fraction

from .charges import Charge
from .money import floor_money
from .reading import Thing, absent, day, flag, money_or_zero, num, num_or, texts
from .schedules import top_ups
from .world import World

#: What a commitment pays for, or counts, where it names nothing.
OF_COMMITMENTS = [
    "STANDING_CHARGE", "COUNTER_RUNNING_TOTAL_CHARGE", "COUNTER_ADJUSTMENT_DEBIT", "USAGE", "MINIMUM_SPEND"
]  # fmt: skip


class Holder:
    """A prepayment or a balance, with what has been drawn so far."""

    def __init__(self, world: World, thing: Thing, is_balance: bool) -> None:
        self.thing = thing
        self.code = str(thing["code"])
        self.account = str(thing["account"])
        self.is_balance = is_balance
        self.currency = world.currency_of(thing)
        self.start, self.end = (world.day_of(self.account, thing[name]) for name in ("startDate", "endDate"))
        cancel = None if is_balance else world.cancels.get(self.code)
        self.cancelled = day(cancel["date"]) if cancel else None
        self.first_amount = Fraction(0) if is_balance else num(thing["amount"])
        added = world.transactions[self.code] if is_balance else world.top_ups[self.code]
        self.added = [(world.day_of(self.account, a["date"]), num(a["amount"])) for a in added]
        self.added += top_ups(world, thing) if is_balance else []
        until = thing.get("rolloverEndDate")
        self.rollover_end = None if absent(until) else world.day_of(self.account, until)
        self.drawn_in_term = Fraction(0)
        self.drawn_after = Fraction(0)

    @property
    def total(self) -> Fraction:
        return self.first_amount + sum((amount for _, amount in self.added), Fraction(0))

    @property
    def drawn(self) -> Fraction:
        return self.drawn_in_term + self.drawn_after

    @property
    def rolled(self) -> Fraction:
        """What stays usable after the end date."""
        if self.rollover_end is None or self.cancelled is not None:
            return Fraction(0)
        percent = num_or(self.thing.get("rolloverPercent"), 100) or Fraction(0)
        # What is paid in from the end on is no part of what was left at the end.
        kept = max(Fraction(0), self.reserved(self.end - timedelta(days=1)) - self.drawn_in_term) * percent / 100
        cap = num_or(self.thing.get("rolloverAmount"), None)
        return floor_money(kept if cap is None else min(kept, cap), self.currency)

    def in_term(self, at: date) -> bool:
        return self.start <= at < self.end and (self.cancelled is None or at < self.cancelled)

    def in_rollover(self, at: date) -> bool:
        if self.rollover_end is None or self.cancelled is not None:
            return False
        return self.end <= at < self.rollover_end

    def may_pay(self, world: World, charge: Charge, at: date) -> bool:
        return (self.in_term(at) or self.in_rollover(at)) and eligible(world, self.thing, charge)

    def left(self, at: date) -> Fraction:
        if self.in_rollover(at):
            return self.rolled - self.drawn_after
        return max(Fraction(0), self.reserved(at) - self.drawn_in_term)

    def reserved(self, at: date) -> Fraction:
        """What is taken out later is reserved: the least that is there from this day on."""
        return min(self.available(moment) for moment in [at, *(since for since, _ in self.added if since > at)])

    def available(self, at: date) -> Fraction:
        """What is paid in by this day."""
        return self.first_amount + sum((amount for since, amount in self.added if since <= at), Fraction(0))

    def draw(self, at: date, amount: Fraction) -> None:
        if self.in_term(at):
            self.drawn_in_term += amount
        else:
            self.drawn_after += amount

    @property
    def surcharge(self) -> Fraction:
        return money_or_zero(self.thing.get("overageSurchargePercent"))

    @property
    def separates(self) -> bool:
        return not self.is_balance and flag(self.thing.get("separateOverageUsage")) and not self.surcharge

    @property
    def has_terms(self) -> bool:
        return bool(self.surcharge) or self.separates

    def order(self, at: date) -> tuple[object, ...]:
        roll = 0
        if self.in_rollover(at):
            roll = 1 if self.thing.get("rolloverOrder") == "LAST" else -1
        priority = self.thing.get("priority")
        return (
            roll,
            (1, Fraction(0)) if absent(priority) else (0, num(priority)),
            self.end,
            self.start,
            absent(self.thing.get("contract")),
            not texts(self.thing.get("products")),
            self.thing["_created"],
        )


def eligible(world: World, thing: Thing, charge: Charge) -> bool:
    """All of 4.3 but the dates."""
    products, types = texts(thing.get("products")), texts(thing.get("lineItemTypes"))
    if not types:
        is_balance = any(thing is balance for balance in world.all("balances"))
        types = [*OF_COMMITMENTS, "AD_HOC"] if is_balance else OF_COMMITMENTS
    return (
        str(thing["account"]) in {charge.account, world.root_of(charge.account)}
        and world.currency_of(thing) == charge.currency
        and (not products or charge.product in products)
        and charge.type in types
        and (absent(thing.get("contract")) or thing["contract"] == charge.contract)
    )


def in_draw_order(world: World, account: str, holders: list[Holder], at: date) -> list[Holder]:
    ordered: list[Holder] = []
    for kind in world.credit_order(account):
        ordered += sorted((h for h in holders if h.is_balance == (kind == "BALANCE")), key=lambda h: h.order(at))
    return ordered
