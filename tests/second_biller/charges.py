"""Charges: what is owed for a service period, cut into slices. Usage charges are made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from .reading import Thing
from .world import World

if TYPE_CHECKING:
    from .holders import Holder
    from .priced import PricedPeriod


@dataclass
class Slice:
    start: date
    amount: Fraction
    credited: Fraction = Fraction(0)
    draws: dict[str, Fraction] = field(default_factory=dict)
    uncovered: Fraction = Fraction(0)
    terms: Holder | None = None

    @property
    def owed(self) -> Fraction:
        return self.amount - self.credited


@dataclass
class Charge:
    """One account's charge of one service period. `whole` points to the pooled charge it is a part of."""

    type: str
    account: str
    account_plan: Thing
    plan: str
    product: str
    item: str
    currency: str
    start: date
    end: date
    due: date
    amount: Fraction
    quantity: Fraction | None = None
    slices: list[Slice] = field(default_factory=list)
    whole: PricedPeriod | None = None

    @property
    def rest(self) -> Fraction:
        """What no slice holds: below zero where the negative slices outweigh the others."""
        return self.amount - sum((piece.amount for piece in self.slices), Fraction(0))

    @property
    def contract(self) -> object:
        return self.account_plan.get("contract")


def usage_charges(world: World, priced: PricedPeriod, cuts: set[date]) -> list[Charge]:
    """A priced period as one charge per account."""
    plan = world.get("plans", priced.account_plan["plan"])
    amounts, slices = priced.parts(priced.amount, priced.end), priced.sliced_parts(cuts)
    return [
        Charge(
            "USAGE", name, priced.account_plan, str(plan["code"]), world.product_of(plan), str(priced.pricing["code"]),
            priced.currency, priced.start, priced.end, priced.period.end, amounts[name], quantity,
            [Slice(start, amount) for start, amount in slices[name]], priced,
        )
        for name, quantity in priced.own.items()
    ]  # fmt: skip
