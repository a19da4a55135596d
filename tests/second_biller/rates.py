"""From usage records to units, and from units to a cumulative charge."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from .reading import Thing, absent, flag, money_or_zero, num

NUMBERS = ("measure", "cost", "income")
STRINGS = ("who", "what", "where", "other", "metadata")


@dataclass(frozen=True)
class Record:
    account: str
    meter: str
    at: datetime
    identity: str
    day: date
    data: Thing

    def number(self, field: str) -> Fraction | None:
        for group in NUMBERS:
            value = (self.data.get(group) or {}).get(field)
            if not absent(value):
                return num(value)
        return None

    def text(self, field: str) -> str | None:
        for group in STRINGS:
            value = (self.data.get(group) or {}).get(field)
            if value is not None:
                return str(value)
        return None


def aggregate(aggregation: Thing, records: Sequence[Record]) -> Fraction:
    kind = str(aggregation.get("aggregation", "SUM"))
    field = str(aggregation["targetField"])
    if kind == "UNIQUE":
        seen: set[object] = set()
        for record in records:
            value = record.number(field)
            seen.add(value if value is not None else record.text(field))
        return Fraction(len(seen - {None}))
    if kind == "COUNT":
        return Fraction(sum(1 for r in records if r.number(field) is not None or r.text(field) is not None))
    having = [(record, number) for record in records if (number := record.number(field)) is not None]
    values = [value for _, value in having]
    if not values:
        return Fraction(0)
    if kind == "LATEST":
        return max(having, key=lambda pair: (pair[0].at, pair[0].identity))[1]
    total = sum(values, Fraction(0))
    return {"SUM": total, "MIN": min(values), "MAX": max(values), "MEAN": total / len(values)}[kind]


def to_units(aggregation: Thing, value: Fraction) -> Fraction:
    per = aggregation.get("quantityPerUnit")
    units = value if absent(per) else value / num(per)
    rounding = str(aggregation.get("rounding", "NONE"))
    if rounding == "UP":
        return Fraction(math.ceil(units))
    if rounding == "DOWN":
        return Fraction(math.floor(units))
    if rounding == "NEAREST":
        return Fraction(math.floor(units + Fraction(1, 2)))
    return units


def sorted_bands(bands: Sequence[Thing]) -> list[Thing]:
    return sorted(bands, key=lambda band: money_or_zero(band.get("lowerLimit")))


def cumulative_charge(bands: Sequence[Thing], cumulative: bool, units: Fraction) -> Fraction:
    """C(units): what that many units cost, unrounded."""
    ordered = sorted_bands(bands)
    if units <= 0:
        return units * money_or_zero(ordered[0].get("unitPrice"))
    cost = Fraction(0)
    for number, band in enumerate(ordered):
        lower = money_or_zero(band.get("lowerLimit"))
        if units <= lower:
            break
        price, fixed = money_or_zero(band.get("unitPrice")), money_or_zero(band.get("fixedPrice"))
        if not cumulative:
            cost = units * price + fixed
            continue
        upper = money_or_zero(ordered[number + 1].get("lowerLimit")) if number + 1 < len(ordered) else units
        cost += (min(units, upper) - lower) * price + fixed
    return cost


def price_of(pricing: Thing, units: Fraction) -> Fraction:
    return cumulative_charge(pricing["pricingBands"], flag(pricing.get("cumulative")), units)


def quantity_for(pricing: Thing, money: Fraction, at_most: Fraction) -> Fraction:
    """The largest quantity, up to `at_most`, whose C (cumulative) does not exceed the money; C goes on below zero."""
    bands = sorted_bands(pricing["pricingBands"])
    first = money_or_zero(bands[0].get("unitPrice"))
    if money < 0 and first > 0:
        return min(money / first, at_most)
    value = Fraction(0)
    for number, band in enumerate(bands):
        lower = money_or_zero(band.get("lowerLimit"))
        value += money_or_zero(band.get("fixedPrice"))
        if value > money:
            return min(lower, at_most)
        price = money_or_zero(band.get("unitPrice"))
        upper = money_or_zero(bands[number + 1].get("lowerLimit")) if number + 1 < len(bands) else None
        if price > 0:
            reach = lower + (money - value) / price
            if upper is None or reach < upper:
                return min(reach, at_most)
        if upper is None:
            return at_most
        value += (upper - lower) * price
        if upper >= at_most:
            return at_most
    return at_most
