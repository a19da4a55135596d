"""Bills as tables for people. They are the same on a terminal and in a log file, except for colours and frames.

A line's type and amount are never cut; where there is little room, its description goes over several rows.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

from rich import box
from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from projections.line_types import LINES
from services.words import printable

#: Least and greatest width of a table, in characters; in less, something would be cut.
NARROWEST, WIDEST = 64, 100
#: Width of a log's lines, unless COLUMNS says otherwise.
LOG_WIDTH = 80
#: Types of bill lines whose quantity is shown.
COUNTED = frozenset(row.type for row in LINES.values() if row.counted)
#: Widths of columns, the same for all bills of a run, whatever is in them.
LINE_WIDTH, QUANTITY_WIDTH, AMOUNT_WIDTH = 24, 10, 10


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A bill line as it is printed. `about`: its description; `period`: `[start, end)` as two ISO days."""

    type: str
    about: str
    period: tuple[str, str]
    quantity: Decimal
    amount: Decimal
    true_up: bool = False


def make_console(file: IO[str] | None = None) -> Console:
    """A console for `file`, else for stdout. If that is no terminal, the console has no colours, and its width is what
    COLUMNS says, else LOG_WIDTH.
    """
    out = sys.stdout if file is None else file
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return Console(file=out, highlight=False)
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) > 0 else LOG_WIDTH
    return Console(file=out, highlight=False, force_terminal=False, no_color=True, width=width)


def show(console: Console, shown: ConsoleRenderable | str, *, wrap: bool = True) -> None:
    """Print `shown` without trailing blanks. Text is printed as it is: brackets in it are no markup.

    Without `wrap`, long lines stay whole. Use that for paths: one that is broken in two cannot be copied or searched.
    """
    with console.capture() as captured:
        console.print(Text(shown) if isinstance(shown, str) else shown, crop=False, soft_wrap=not wrap)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    console.file.flush()


def grid(console: Console, title: str, *, footer: bool = False) -> Table:
    """An empty table in our style, with its title at the left."""
    return Table(
        title=Text(title, "bold"),
        title_justify="left",
        box=box.SIMPLE,
        show_edge=False,
        show_footer=footer,
        width=min(max(console.width, NARROWEST), WIDEST),
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def grouped(number: Decimal) -> str:
    """A number in plain notation, with commas between thousands; never "-0"."""
    return format(number if number else abs(number), ",f")


def bill_table(console: Console, title: str, currency: str, lines: Sequence[PrintedLine], total: Decimal) -> Table:
    """A bill as a table. If all lines have the same period it is in the title, else each is above its lines."""
    periods = sorted({line.period for line in lines})
    if len(periods) == 1:
        title += f", for {' to '.join(periods[0])}"
    table = grid(console, title, footer=True)
    table.add_column("line", footer="total", no_wrap=True, min_width=LINE_WIDTH)
    table.add_column("about", ratio=1)
    table.add_column("quantity", justify="right", no_wrap=True, min_width=QUANTITY_WIDTH)
    table.add_column(currency, justify="right", no_wrap=True, min_width=AMOUNT_WIDTH, footer=grouped(total))
    period = None
    for line in lines:
        if len(periods) > 1 and line.period != period:
            period = line.period
            table.add_row(Text(" to ".join(period), style="dim"))
        quantity = grouped(line.quantity) if line.quantity and line.type in COUNTED else ""
        name = f"{line.type} (true-up)" if line.true_up else line.type
        table.add_row(name, Text(printable(line.about)), quantity, grouped(line.amount))
    return table


def charges_by_pricing(lines: Iterable[tuple[str, str | None, str]]) -> Mapping[str, str]:
    """Pricing id -> description of that pricing's charge, found in a bill's lines.

    `lines`: type, pricing id and description of each.
    """
    descriptions: dict[str, str] = {}
    for kind, pricing, description in lines:
        if pricing and kind in COUNTED and kind != "OVERAGE_USAGE":
            descriptions.setdefault(pricing, description)
    return descriptions
