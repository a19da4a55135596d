"""The output of `trueup simulate`: bills as tables, differences as sentences, or one JSON document for each file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from events.absent import only_given
from events.decimals import plain
from projections.line_types import DRAWS
from services.run.printing import PrintedLine, bill_table, show
from services.simulate.compare import spelt
from services.simulate.play import Played
from services.simulate.player import PlayedBill, PlayedLine, PlayedUnpriced
from services.words import printable, printable_json


def print_story(console: Console, path: Path, title: str, played: Sequence[Played]) -> None:
    """Print the bills, commitments and differences of a played story."""
    differences = sum(len(outcome.differences) for outcome in played)
    verdict = Text("differs", "red") if differences else Text("holds", "green")
    show(console, Text(printable(title or path.name), "bold"))
    for outcome in played:
        for note in outcome.notes:
            show(console, printable(note))
        _print_result(console, outcome)
        for text in outcome.differences:
            where = f"step {outcome.step.index} ({outcome.step.kind}), line {outcome.step.line}: "
            show(console, Text(where, "red").append(printable(text), "default"))
    show(console, Text(f"\n{printable(str(path))}: ").append_text(verdict).append("\n"))


def _print_result(console: Console, outcome: Played) -> None:
    """Print a step's result: bills as tables, acts of automatic rules and commitments in a line each."""
    step, result = outcome.step, outcome.result
    if isinstance(result, list):
        for bill in result:
            show(console, "")
            show(console, printed_bill(console, step.kind, bill))
            for text in _filed(bill):
                show(console, Text(printable(text)))
        if not result:
            show(console, Text(f"{step.kind} {step.fields['date']}: nothing"))
        for usage in outcome.unpriced:
            show(console, Text(printable(f"unpriced: {_unpriced(usage)}")))
    elif isinstance(result, tuple):
        about = " ".join((step.kind, *(str(step.fields[name]) for name in ("rule", "date") if name in step.fields)))
        for told in result:
            said = ", ".join(f"{name} {value}" for name, value in told.items())
            show(console, Text(printable(f"{about}: {said}")))
    elif isinstance(result, dict):
        [(kind, code)] = step.fields.items()
        show(console, Text(printable(f"{kind} {code}: {_brief(result)}")))


def _filed(bill: PlayedBill) -> Iterator[str]:
    """The totals of its statement and the months of its lines, if the story requested them."""
    if bill.statement is not None:
        tax = bill.statement.get("tax")
        on_it = f", {tax['name']} {tax['rate']} % {tax['amount']}" if tax else ""
        yield f"statement: net {bill.statement['net']}{on_it}, total {bill.statement['total']}"
    for line in bill.lines:
        if line.earned is not None:
            yield f"{line.earned.recognition} {line.type} {line.amount}: {spelt(line.earned.months) or 'no month'}"


def printed_bill(console: Console, kind: str, bill: PlayedBill) -> Table:
    """A bill as a table, with its total below."""
    lines = []
    for line in bill.lines:
        start, end = line.period
        period = (start.isoformat(), end.isoformat())
        lines.append(PrintedLine(line.type, _about(line), period, line.quantity, line.amount, line.true_up))
    return bill_table(console, printable(f"{kind} {bill.date}: {bill.account}"), bill.currency, lines, bill.total)


def _about(line: PlayedLine) -> str:
    """The line's account, product or fund, and description; for a draw, the charge that it pays."""
    paid = line.charge or (line.charge_type or "").lower().replace("_", " ")
    says = f"for {paid}" if paid and line.type in DRAWS else line.description
    about = (line.child_account, line.product, line.commitment, line.balance, says, *_segment(line))
    return ", ".join(part for part in about if part)


def _segment(line: PlayedLine) -> list[str]:
    return [f"{name} {value}" for name, value in (line.segment or {}).items()]


def _unpriced(usage: PlayedUnpriced) -> str:
    about = " ".join(part for part in (usage.account, usage.aggregation, usage.segment) if part)
    return f"{about} {plain(usage.quantity)}, {usage.period[0]} to {usage.period[1]}"


def _brief(document: Mapping[str, Any]) -> str:
    shown = (
        "name",
        "emailAddress",
        "status",
        "amount",
        "amountSpent",
        "amountRemaining",
        "amountRolledOver",
        "amountLapsed",
        "amountUnscheduled",
    )
    return ", ".join(f"{name} {document[name]}" for name in shown if name in document)


def story_json(path: Path, title: str, played: Sequence[Played]) -> str:
    """The JSON document of a played story (docs/scenarios.md)."""
    document = {
        "scenario": title,
        "file": str(path),
        "ok": not any(outcome.differences for outcome in played),
        "steps": [
            {"step": outcome.step.index, "kind": outcome.step.kind, "result": _result(outcome.result)}
            | ({"differences": list(outcome.differences)} if outcome.differences else {})
            for outcome in played
        ],
    }
    return printable_json(json.dumps(document, ensure_ascii=False))


def _result(result: Any) -> Any:
    if isinstance(result, list):
        return [
            {
                "account": bill.account,
                "currency": bill.currency,
                "total": plain(bill.total),
                "lines": [_line(line) for line in bill.lines],
            }
            | ({} if bill.statement is None else {"statement": _plain(bill.statement)})
            for bill in result
        ]
    return _plain(result)


def _line(line: PlayedLine) -> dict[str, Any]:
    document = {
        "type": line.type,
        "amount": plain(line.amount),
        "quantity": plain(line.quantity),
        "commitment": line.commitment,
        "balance": line.balance,
        "product": line.product,
        "segment": dict(line.segment) if line.segment else None,
        "trueUp": True if line.true_up else None,
        "period": [day.isoformat() for day in line.period],
        "description": line.description or None,
        "childAccount": line.child_account,
        "chargeType": line.charge_type,
        "recognition": line.earned and line.earned.recognition,
        "months": line.earned and _plain(line.earned.months),
    }
    return only_given(document)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
