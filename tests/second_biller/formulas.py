"""Compound aggregations, worked out plainly: a formula is read as Python would read it, and walked."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .holding import COMPOUND
from .rates import Record, aggregate
from .reading import Thing, absent, flag, num
from .world import World

#: A value of as many digits is none.
TOO_LARGE = Fraction(10) ** 36


class NoValue(Exception):
    """It cannot be worked out."""


@dataclass(frozen=True)
class Formula:
    """`aggregations`: by code, those of the organization."""

    compound: Thing
    aggregations: dict[str, Thing]

    @property
    def tree(self) -> ast.expr:
        return ast.parse(str(self.compound["calculation"]).strip(), mode="eval").body

    @property
    def named(self) -> list[Thing]:
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)]
        codes = [node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "aggregation"]
        return [self.aggregations[code] for code in dict.fromkeys(codes)]

    def of(self, records: Sequence[Record]) -> Fraction:
        """What these records make; 0 where there is no value."""
        try:
            return self.strictly(records)
        except NoValue:
            return Fraction(0)

    def strictly(self, records: Sequence[Record]) -> Fraction:
        if not any(used(node, records) for node in self.named):
            return Fraction(0)
        values = {}
        for node in self.named:
            if used(node, records):
                values[str(node["code"])] = aggregate(node, [r for r in records if r.meter == node["meter"]])
            elif not absent(node.get("defaultValue")):
                values[str(node["code"])] = num(node["defaultValue"])
            elif flag(self.compound.get("evaluateNullAggregations")):
                values[str(node["code"])] = Fraction(0)
            else:
                raise NoValue("nothing was used")
        found = worked_out(self.tree, values)
        if abs(found) >= TOO_LARGE:
            raise NoValue("too large")
        return found


def quantity_named(world: World, code: str) -> tuple[Thing, Formula | None]:
    """What is priced, with the formula of a compound aggregation."""
    if not code.startswith(COMPOUND):
        return world.get("aggregations", code), None
    compound = world.get("compoundAggregations", code.removeprefix(COMPOUND))
    return compound, Formula(compound, world.things["aggregations"])


def used(aggregation: Thing, records: Sequence[Record]) -> bool:
    """Whether a record of its meter has its field: as a text only where texts count."""
    field, texts = str(aggregation["targetField"]), aggregation.get("aggregation") in {"COUNT", "UNIQUE"}
    mine = [r for r in records if r.meter == aggregation["meter"]]
    return any(r.number(field) is not None or (texts and r.text(field) is not None) for r in mine)


def worked_out(node: ast.expr, values: dict[str, Fraction]) -> Fraction:
    match node:
        case ast.Constant(value=value):
            return Fraction(str(value))
        case ast.Attribute(attr=code):
            return values[code]
        case ast.UnaryOp(op=sign, operand=inner):
            return worked_out(inner, values) * (-1 if isinstance(sign, ast.USub) else 1)
        case ast.BinOp(left=left, op=sign, right=right):
            return SIGNS[type(sign)](worked_out(left, values), worked_out(right, values))
        case ast.Call(func=ast.Attribute(attr=name), args=given):
            return FUNCTIONS[name]([worked_out(argument, values) for argument in given])
    raise AssertionError(ast.dump(node))


def divided(one: Fraction, other: Fraction) -> Fraction:
    if not other:
        raise NoValue("a division by zero")
    return one / other


SIGNS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: divided,
}
FUNCTIONS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "max": max,
    "min": min,
    "abs": lambda v: abs(v[0]),
    "floor": lambda v: Fraction(math.floor(v[0])),
    "ceil": lambda v: Fraction(math.ceil(v[0])),
    "round": lambda v: Fraction(math.floor(v[0] + Fraction(1, 2))),
}
