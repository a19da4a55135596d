"""Compares played results with a scenario's expectations, on the fields that these name."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args

from events.facts.bills import LineType
from projections.aggregates import segment_text
from services.simulate.filing import STATED
from services.simulate.player import PlayedBill, PlayedLine
from services.simulate.yaml_lines import ScenarioError

_LINE: dict[str, Callable[[PlayedLine], Any]] = {
    "type": lambda line: line.type,
    "amount": lambda line: line.amount,
    "quantity": lambda line: line.quantity,
    "commitment": lambda line: line.commitment,
    "balance": lambda line: line.balance,
    "product": lambda line: line.product,
    "trueUp": lambda line: line.true_up,
    "period": lambda line: [day.isoformat() for day in line.period],
    "description": lambda line: line.description,
    "segment": lambda line: line.segment,
    "childAccount": lambda line: line.child_account,
    "recognition": lambda line: line.earned and line.earned.recognition,
    "months": lambda line: line.earned and line.earned.months,
}
_TYPES = get_args(LineType)
_BILL = {"account", "total", "lines", "partial", "currency", "statement"}


def bill_differences(expected: Any, bills: Sequence[PlayedBill], line: int) -> list[str]:
    """The differences between the expected and the played bills. Raises: ScenarioError for an invalid expectation."""
    if not isinstance(expected, list):
        raise ScenarioError(line, "expect", "must be a list of bills")
    differences: list[str] = []
    left = [bill for bill in bills if bill.lines]
    for wanted in expected:
        if not isinstance(wanted, dict) or "account" not in wanted or set(wanted) - _BILL:
            raise ScenarioError(
                line, "expect", "each bill has an account, and total, lines, partial, currency or statement"
            )
        bill = _matching(wanted, left)
        if bill is not None:
            left.remove(bill)
        differences.extend(_one_bill(wanted, bill, line))
    differences.extend(f"{bill.account}: a bill of {bill.total} {bill.currency} is not expected" for bill in left)
    return differences


def _matching(expected: Mapping[str, Any], bills: Sequence[PlayedBill]) -> PlayedBill | None:
    for bill in bills:
        if bill.account == expected["account"] and expected.get("currency", bill.currency) == bill.currency:
            return bill
    return None


def _one_bill(expected: Mapping[str, Any], bill: PlayedBill | None, line: int) -> list[str]:
    account = expected["account"]
    differences = []
    total = bill.total if bill else Decimal(0)
    if "total" in expected and not _same(expected["total"], total):
        differences.append(
            f"{account}: total is {total if bill else '0, there is no bill'}, expected {expected['total']}"
        )
    if "lines" in expected:
        lines = list(bill.lines) if bill else []
        differences.extend(f"{account}: {text}" for text in _lines(expected, lines, line))
    if "statement" in expected:
        told = (bill.statement or {}) if bill else None
        differences.extend(f"{account}: {text}" for text in statement_differences(expected["statement"], told, line))
    return differences


def _lines(expected: Mapping[str, Any], played: list[PlayedLine], at: int) -> list[str]:
    """The differences between two lists of lines; equal lines may occur several times, in any order. Raises:
    ScenarioError.
    """
    wanted = expected["lines"]
    _check_lines(wanted, at)
    fits = [[index for index, line in enumerate(played) if _fits(line_wanted, line)] for line_wanted in wanted]
    taken = _assign(fits)
    differences = [f"no line {_shown(wanted[number])}" for number, index in enumerate(taken) if index is None]
    if not expected.get("partial"):
        rest = [line for index, line in enumerate(played) if index not in taken and line.amount]
        differences.extend(f"the line {_described(line)} is not expected" for line in rest)
    return differences


def _check_lines(wanted: Any, at: int) -> None:
    """Check that these are expected lines. Raises: ScenarioError."""
    if not isinstance(wanted, list) or not all(isinstance(line_wanted, dict) for line_wanted in wanted):
        raise ScenarioError(at, "expect.lines", "must be a list of mappings")
    for line_wanted in wanted:
        line = getattr(line_wanted, "line", at)
        unknown = next((name for name in line_wanted if name not in _LINE), None)
        if unknown is not None:
            raise ScenarioError(line, f"expect.lines.{unknown}", "is not a field of a line")
        if line_wanted.get("type", "USAGE") not in _TYPES:
            raise ScenarioError(line, "expect.lines.type", f"{line_wanted['type']} is not a type of line")


def statement_differences(expected: Any, told: Mapping[str, Any] | None, line: int) -> list[str]:
    """The differences on the named fields of a statement; of groups all must be named. `told`: None if there is no
    bill.

    Raises: ScenarioError.
    """
    if not isinstance(expected, Mapping):
        raise ScenarioError(line, "expect.statement", "must be a mapping")
    for name in expected:
        if name not in STATED:
            raise ScenarioError(line, f"expect.statement.{name}", "is not a field of a statement")
    if told is None:
        return ["there is no bill, and so no statement"]
    differences = []
    for name, value in expected.items():
        if name == "groups":
            differences += told_differences(value, told[name], line, "group")
        elif isinstance(value, Mapping) and isinstance(told.get(name), Mapping):
            differences += fields_differences(value, told[name], line, f"statement.{name}.")
        else:
            differences += fields_differences({name: value}, told, line, "statement.")
    return differences


def _assign(fits: Sequence[Sequence[int]]) -> list[int | None]:
    """A largest matching of expectations to lines (by augmenting paths): for each expectation the index of its line, or
    None.
    """
    owner: dict[int, int] = {}

    def take_line(number: int, tried: set[int]) -> bool:
        for index in fits[number]:
            if index not in tried:
                tried.add(index)
                if index not in owner or take_line(owner[index], tried):
                    owner[index] = number
                    return True
        return False

    for number in range(len(fits)):
        take_line(number, set())
    taken: list[int | None] = [None] * len(fits)
    for index, number in owner.items():
        taken[number] = index
    return taken


def _fits(expected: Mapping[str, Any], line: PlayedLine) -> bool:
    return all(_same(value, _LINE[name](line)) for name, value in expected.items())


def fields_differences(expected: Any, played: Mapping[str, Any], line: int, name: str = "") -> list[str]:
    """The differences on the named fields of a commitment or account, with its `periods`. Raises: ScenarioError."""
    if not isinstance(expected, dict):
        raise ScenarioError(line, "expect", "must be a mapping")
    differences: list[str] = []
    for field, value in expected.items():
        path = f"{name}{field}"
        if field not in played:
            if value is not None:
                differences.append(f"{path} is absent, expected {value}")
        elif field == "periods" and isinstance(value, list):
            periods = played[field]
            if len(value) != len(periods):
                differences.append(f"{path} has {len(periods)} entries, expected {len(value)}")
            for number, (part, other) in enumerate(zip(value, periods, strict=False)):
                differences.extend(fields_differences(part, other, line, f"{path}[{number}]."))
        elif not _same(value, played[field]):
            differences.append(f"{path} is {_text(played[field])}, expected {value}")
    return differences


def told_differences(expected: Any, played: Sequence[Mapping[str, Any]], line: int, noun: str) -> list[str]:
    """The differences between expected and played acts, alerts or records, in order; an expected reason may be a part
    of it.

    Raises: ScenarioError.
    """
    if not isinstance(expected, list) or not all(isinstance(act, dict) for act in expected):
        raise ScenarioError(line, "expect", "must be a list of mappings")
    differences = []
    if len(expected) != len(played):
        differences.append(f"there are {len(played)} {noun}s, expected {len(expected)}")
    for number, (wanted, told) in enumerate(zip(expected, played, strict=False)):
        part, reason = wanted.get("reason"), str(told.get("reason", ""))
        if part is not None and str(part) not in reason:
            differences.append(f"{noun} {number}: reason is {reason or 'absent'}, expected one with {part}")
        rest = {name: value for name, value in wanted.items() if name != "reason"}
        differences += fields_differences(rest, told, line, f"{noun} {number}: ")
    return differences


def ledger_differences(expected: Any, accounts: Sequence[Mapping[str, Any]], line: int) -> list[str]:
    """The differences between expected and played accounts of a ledger, ordered by currency and name. That debits equal
    credits is checked even without an expectation.

    Raises: ScenarioError.
    """
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for account in accounts:
        sums[account["currency"]] += account["balance"]
    differences = [f"debits are {sums[one]} {one} more than credits" for one in sorted(sums) if sums[one]]
    if expected is None:
        return differences
    for wanted in expected if isinstance(expected, list) else ():
        if isinstance(wanted, Mapping) and not isinstance(wanted.get("ledger", ""), str):
            raise ScenarioError(getattr(wanted, "line", line), "expect.ledger", "must be text (put it in quotes)")
    return differences + told_differences(expected, accounts, line, "ledger account")


def _same(expected: Any, played: Any) -> bool:
    """Whether the values are equal: numbers as exact decimals, dates by their text."""
    numbers = int | Decimal
    if isinstance(expected, bool) or isinstance(played, bool):
        return expected is played
    if isinstance(played, numbers) and isinstance(expected, numbers):
        return Decimal(expected) == Decimal(played)
    return bool(_text(played) == _text(expected))


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _shown(expected: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {spelt(value)}" for name, value in expected.items())


def spelt(value: Any) -> str:
    """A value of a field as text; amounts by month as exports write them."""
    return ";".join(f"{name}={one}" for name, one in value.items()) if isinstance(value, Mapping) else str(value)


def _described(line: PlayedLine) -> str:
    segment = segment_text(line.segment) if line.segment else None
    names = (line.commitment, line.balance, line.product, segment, line.child_account)
    about = " ".join(name for name in names if name)
    earned = f", {line.earned.recognition} {spelt(line.earned.months)}" if line.earned else ""
    return f"{line.type} {line.amount} {about} {line.period[0]} to {line.period[1]}{earned}"
