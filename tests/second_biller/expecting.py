"""Comparing a step's result with what a story expects of it."""

from fractions import Fraction
from typing import Any

from .playing import StepResult
from .reading import Thing, absent, flag


def differences(step: Thing, result: StepResult) -> list[str]:
    if "expectError" in step:
        if result.error is None or str(step["expectError"]) not in result.error:
            return [f"error {step['expectError']!r} expected, got {result.error!r}"]
        return []
    if result.error is not None:
        return [f"refused: {result.error}"]
    if "expect" not in step or result.kind == "account":
        return []
    expected = step["expect"]
    if isinstance(expected, dict):
        return fields_that_differ(expected, result.result)
    return (acts_that_differ if result.kind == "automatic" else bills_that_differ)(expected or [], result.result)


def same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(actual, dict) and not fields_that_differ(expected, actual)
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(same, expected, actual))
    if isinstance(actual, bool) or isinstance(expected, bool):
        return flag(expected) == flag(actual)
    if absent(expected) or absent(actual):
        return absent(expected) and absent(actual)
    try:
        return Fraction(str(expected)) == Fraction(str(actual))
    except ValueError:
        return str(expected) == str(actual)


def fields_that_differ(expected: Thing, actual: Thing) -> list[str]:
    return [f"{n}: expected {v}, got {actual.get(n)}" for n, v in expected.items() if not same(v, actual.get(n))]


def acts_that_differ(expected: list[Thing], acts: list[Thing]) -> list[str]:
    return [] if same(expected, acts) else [f"{expected} expected of the rule, got {acts}"]


def bills_that_differ(expected: list[Thing], bills: list[Thing]) -> list[str]:
    wrong: list[str] = []
    left = [bill for bill in bills if any(Fraction(line["amount"]) for line in bill["lines"])]
    for wanted in expected:
        named: Thing = {name: wanted[name] for name in ("account", "currency") if name in wanted}
        mine = [bill for bill in bills if not fields_that_differ(named, bill)]
        left = [bill for bill in left if bill not in mine]
        lines = [line for bill in mine for line in bill["lines"]]
        total = sum((Fraction(bill["total"]) for bill in mine), Fraction(0))
        if "total" in wanted and total != Fraction(str(wanted["total"])):
            wrong.append(f"{wanted['account']}: total {wanted['total']} expected, got {float(total)}")
        if "lines" in wanted:
            wrong += lines_that_differ(wanted, lines)
    return wrong + [f"a bill for {bill['account']} that is not expected: {bill}" for bill in left]


def lines_that_differ(wanted: Thing, lines: list[Thing]) -> list[str]:
    """Pairs every expected line with one of its own (augmenting paths)."""
    taken: dict[int, int] = {}

    def pair(number: int, tried: set[int]) -> bool:
        for line_number, line in enumerate(lines):
            if line_number not in tried and not fields_that_differ(wanted["lines"][number], line):
                tried.add(line_number)
                if line_number not in taken or pair(taken[line_number], tried):
                    taken[line_number] = number
                    return True
        return False

    wrong = [f"no line {wanted['lines'][n]} among {lines}" for n in range(len(wanted["lines"])) if not pair(n, set())]
    if not flag(wanted.get("partial")):
        extra = [
            line for line_number, line in enumerate(lines) if line_number not in taken and Fraction(line["amount"])
        ]
        wrong += [f"a line that is not expected: {line}" for line in extra]
    return wrong
