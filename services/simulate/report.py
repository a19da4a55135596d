"""What `simulate` prints: every bill as a table, every difference as a sentence, or one JSON document a file."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from events.decimals import plain
from services.simulate.play import Played
from services.simulate.player import PlayedBill, PlayedLine, PlayedUnpriced


def print_story(console: Console, path: Path, title: str, played: Sequence[Played]) -> None:
    """Bills, commitments and differences of a played story."""
    differences = sum(len(one.differences) for one in played)
    verdict = "[red]differs[/]" if differences else "[green]holds[/]"
    console.rule(f"{title or path.name}", align="left")
    for one in played:
        for note in one.notes:
            console.print(note, highlight=False, markup=False)
        if isinstance(one.result, list):
            for bill in one.result:
                console.print(bill_table(one.step.kind, bill))
            if not one.result:
                console.print(f"{one.step.kind} {one.step.fields['date']}: nothing")
            for usage in one.unpriced:
                console.print(f"unpriced: {_unpriced(usage)}", highlight=False, markup=False)
        elif isinstance(one.result, dict):
            console.print(f"commitment {one.step.fields['commitment']}: {_brief(one.result)}", highlight=False)
        for text in one.differences:
            where = f"step {one.step.index} ({one.step.kind}), line {one.step.line}"
            console.print(f"[red]{where}:[/] {text}", highlight=False)
    console.print(f"{path}: {verdict}")


def bill_table(kind: str, bill: PlayedBill) -> Table:
    """A bill as a table, with its total below."""
    title = f"{kind} {bill.date}: {bill.account}, {bill.currency}"
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("line", footer="total")
    table.add_column("period")
    table.add_column("about")
    table.add_column("quantity", justify="right")
    table.add_column("amount", justify="right", footer=plain(bill.total))
    for line in bill.lines:
        kind_of = f"{line.type} (true-up)" if line.true_up else line.type
        about = [line.child_account, line.product, line.commitment, line.balance, line.description, *_segment(line)]
        quantity = plain(line.quantity) if line.quantity else ""
        period = f"{line.period[0]} to {line.period[1]}"
        table.add_row(kind_of, period, ", ".join(one for one in about if one), quantity, plain(line.amount))
    return table


def _segment(line: PlayedLine) -> list[str]:
    return [f"{name} {value}" for name, value in (line.segment or {}).items()]


def _unpriced(usage: PlayedUnpriced) -> str:
    about = " ".join(one for one in (usage.account, usage.aggregation, usage.segment) if one)
    return f"{about} {plain(usage.quantity)}, {usage.period[0]} to {usage.period[1]}"


def _brief(document: Mapping[str, Any]) -> str:
    shown = (
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
    """The JSON document of a played story (scenarios/README.md)."""
    document = {
        "scenario": title,
        "file": str(path),
        "ok": not any(one.differences for one in played),
        "steps": [
            {"step": one.step.index, "kind": one.step.kind, "result": _result(one.result)}
            | ({"differences": list(one.differences)} if one.differences else {})
            for one in played
        ],
    }
    return json.dumps(document, ensure_ascii=False)


def _result(result: Any) -> Any:
    if isinstance(result, list):
        return [
            {
                "account": bill.account,
                "currency": bill.currency,
                "total": plain(bill.total),
                "lines": [_line(line) for line in bill.lines],
            }
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
    }
    return {name: value for name, value in document.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
