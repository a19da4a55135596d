"""`python -m benchmarks.settle`: what settling one account costs, how it grows, and what `kept` saves. Pure, no stack.

Times are CPU times, the least of several runs: they differ between machines, their ratios hardly do.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from benchmarks.family import ACCOUNT, FIRST, end_of, family, resources
from benchmarks.showing import show
from projections.aggregates import DayState
from projections.settlement import AgreementState, Family, LineKey, Settlement, compile_terms, settle

MONTHS, CHARGES, COMMITMENTS = 12, 20, 10
BY_COMMITMENTS = (1, 3, 10, 30, 100, 300, 1_000)
BY_MONTHS = (1, 2, 4, 8, 15, 30, 60)
RUNS = 3
SCRATCH, NO_LINES = "from scratch", ", without lines"


class Cost(NamedTuple):
    """Milliseconds of compiling the terms and of settling, and how much there was to settle."""

    size: int
    compile_ms: float
    settle_ms: float
    slices: int
    draws: int
    lines: int


def least_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """CPU milliseconds of the fastest of some runs."""
    measured = []
    for _ in range(runs):
        started = time.process_time()
        work()
        measured.append((time.process_time() - started) * 1e3)
    return min(measured)


def whole(account_family: Family, through: date, kept: Any = None) -> Settlement:
    """A settlement with all that the projector and a bill ask of it: states, draws and lines."""
    settlement = settle(account_family, through=through, accrued=True, kept=kept)
    _ = settlement.commitments, settlement.draws, settlement.lines
    return settlement


def states(account_family: Family, through: date, kept: Any = None) -> Mapping[str, AgreementState]:
    """A settlement of which only the commitments' states are asked."""
    return settle(account_family, through=through, accrued=True, kept=kept).commitments


def cost(size: int, months: int, charges: int, commitments: int) -> Cost:
    """Settle an account of this size from scratch."""
    terms, account_family, through = (
        resources(months, charges, commitments),
        family(months, charges, commitments),
        end_of(months),
    )
    settlement = whole(account_family, through)
    pieces = len(settlement.kept.drawn.pieces)
    compile_ms = least_ms(lambda: compile_terms(terms, ACCOUNT))
    settle_ms = least_ms(lambda: whole(account_family, through))
    return Cost(size, compile_ms, settle_ms, pieces, len(settlement.draws), len(settlement.lines))


def growth(title: str, costs: Iterable[Cost]) -> Table:
    """A row a size, with its ratios to the row before."""
    shown = Table(title=title)
    for column in ("size", "slices", "draws", "lines", "terms ms", "settle ms", "µs/slice", "size x", "settle x"):
        shown.add_column(column, justify="right")
    before: Cost | None = None
    for cost in costs:
        ratios = ["", ""]
        if before is not None:
            ratios = [f"{cost.size / before.size:.1f}", f"{cost.settle_ms / before.settle_ms:.1f}"]
        counts = (f"{cost.size:,}", f"{cost.slices:,}", f"{cost.draws:,}", f"{cost.lines:,}")
        per_slice = cost.settle_ms / cost.slices * 1e3
        shown.add_row(*counts, f"{cost.compile_ms:.1f}", f"{cost.settle_ms:.1f}", f"{per_slice:.0f}", *ratios)
        before = cost
    return shown


def due(settlement: Settlement) -> dict[LineKey, tuple[int, Fraction]]:
    """What the lines say."""
    return {key: (line.amount, line.quantity) for key, line in settlement.lines.items()}


def kept_costs() -> dict[str, float]:
    """Milliseconds of settling the account again, from scratch and from what a settlement kept."""
    account_family, through = family(MONTHS, CHARGES, COMMITMENTS), end_of(MONTHS)
    kept = whole(account_family, through).kept
    measured = {
        SCRATCH: least_ms(partial(whole, account_family, through)),
        SCRATCH + NO_LINES: least_ms(partial(states, account_family, through)),
    }
    last = max(day for days in account_family.totals.values() for day in days)
    for name, day in (("usage on the last day", last), ("usage on the first day", FIRST)):
        changed = with_more_usage(account_family, day)
        if due(whole(changed, through, kept)) != due(whole(changed, through)):
            raise AssertionError(f"settling with `kept` after {name} gives other lines than from scratch")
        measured[name] = least_ms(partial(whole, changed, through, kept))
        measured[name + NO_LINES] = least_ms(partial(states, changed, through, kept))
    return measured


def with_more_usage(account_family: Family, day: date) -> Family:
    """The account after one more event: one day of one charge has changed."""
    key = min(account_family.totals)
    days = dict(account_family.totals[key])
    days[day] = DayState(days[day].number + Decimal(7), days[day].records + 1)
    return replace(account_family, totals={**account_family.totals, key: days})


def kept_table(costs: dict[str, float]) -> Table:
    """What the state that a settlement keeps saves the next one."""
    shown = Table(title=f"{MONTHS} months x {CHARGES} charges x {COMMITMENTS} commitments, settled again with `kept`")
    for column in ("after", "ms", "of from scratch"):
        shown.add_column(column, justify="left" if column == "after" else "right")
    for name, milliseconds in costs.items():
        base = costs[SCRATCH + NO_LINES if name.endswith(NO_LINES) else SCRATCH]
        shown.add_row(name, f"{milliseconds:.2f}", f"{milliseconds / base:.2f}")
    return shown


@click.command()
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(file: Path | None) -> None:
    """Measure settlement; the last line of the output is JSON."""
    base = cost(1, MONTHS, CHARGES, COMMITMENTS)
    by_commitments = [cost(count, MONTHS, CHARGES, count) for count in BY_COMMITMENTS]
    by_months = [cost(months, months, CHARGES, COMMITMENTS) for months in BY_MONTHS]
    kept = kept_costs()
    tables = (
        growth(f"1 to 1,000 commitments ({MONTHS} months x {CHARGES} charges)", by_commitments),
        growth(f"1 to 60 months ({CHARGES} charges x {COMMITMENTS} commitments)", by_months),
        kept_table(kept),
    )
    document = {
        "base": base._asdict(),
        "by_commitments": [cost._asdict() for cost in by_commitments],
        "by_months": [cost._asdict() for cost in by_months],
        "kept_ms": kept,
    }
    show(tables, document, file)


if __name__ == "__main__":
    main()
