"""What is aimed at, row by row: which program measures it, with which arguments, and where its JSON has the number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from statistics import median
from typing import Any

#: A number out of the JSON of one run.
Value = Callable[[Any], float]


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with its aim, as the table shows both, and `limit` in the row's unit: the least, or the most. Without
    an aim it is only told.
    """

    measure: str
    aim: str
    value: Value
    limit: float
    is_least: bool = True
    digits: int = 0

    def reached(self, measured: float) -> bool | None:
        """Whether a number is as good as it is to be; None where it is to be nothing."""
        if not self.aim:
            return None
        return measured >= self.limit if self.is_least else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Program:
    """A benchmark with its arguments, and those of a quick look; `seconds` is how long it may take at most.

    What is `large` takes so long to make that a run of the others is done before.
    """

    module: str
    arguments: str
    quick: str
    seconds: float
    rows: tuple[Row, ...]
    large: bool = field(default=False, kw_only=True)


def most(measure: str, aim: str, limit: float, value: Value, digits: int = 0) -> Row:
    """A row whose number is to be no more than so much."""
    return Row(measure, aim, value, limit, is_least=False, digits=digits)


def fresh(what: str, p50: float, p99: float) -> tuple[Row, Row, Row]:
    """Milliseconds from published to visible, and how much of what follows the balances does so in time."""
    begins = f"usage -> balance visible, {what}"
    behind = f"draws and lines within 2 s of their balances, {what}: %"
    return (
        most(f"{begins}: half, ms", f"<= {p50:,.0f}", p50, lambda measured: measured["p50_ms"]),
        most(f"{begins}: 99 %, ms", f"<= {p99:,.0f}", p99, lambda measured: measured["p99_ms"]),
        Row(behind, ">= 99", lambda measured: measured["lines_in_time"], 99, digits=1),
    )


def at(*path: str | int) -> Value:
    """What stands there in a program's answer."""
    return lambda measured: float(reduce(lambda document, step: document[step], path, measured))


def per_core(kind: str) -> Value:
    """Events a second and core, of the most processes that were tried."""

    def value(measured: Any) -> float:
        runs = [run for run in measured if run["name"] == kind]
        widest = max(runs, key=lambda run: run["processes"])
        return float(widest["events_per_second"] / widest["processes"])

    return value


#: The steps of `benchmarks.cold` until a family is settled.
_LOADED = ("rows", "families", "terms", "settled")


def cold_seconds(measured: Any) -> float:
    """Seconds for ten thousand families."""
    return float(sum(measured["seconds"][step] for step in _LOADED) * 10_000 / measured["families"])


def in_use(measured: Any) -> float:
    """Bytes of a family that is settled."""
    return float(sum(measured["bytes_each"][step] for step in _LOADED))


def _flat(measured: Any) -> float:
    """Memory when the last bill was issued, or row written, of that when a tenth was."""
    tenth, _, end = measured["rss_mb"]
    return float(end / tenth) if tenth else 0.0


def _first_write(measured: Any) -> float:
    """Median seconds until all processes at once have written what waited for them, which is told last."""
    return float(median(measured["starts"][-1]["seconds"]))


def _drop(measured: Any) -> float:
    """How many percent less a late part of a history had than an early one."""
    return float(100 * (1 - measured["late_per_second"] / measured["early_per_second"]))


def _others(which: str, part: str) -> Value:
    """How many times as long the other accounts' usage takes beside an account that costs more."""

    def value(measured: Any) -> float:
        beside = next(freshness for freshness in measured["others"] if freshness["beside"] == which)
        return float(beside[part] / measured[part])

    return value


def beside(which: str, what: str) -> tuple[Row, Row]:
    """Of an account of one of the kinds of `benchmarks.heavy`."""
    begins = f"freshness of others beside {what}, of that without it"
    return (
        most(f"{begins}: half", "<= 1.25", 1.25, _others(which, "p50_ms"), 2),
        most(f"{begins}: 99 %", "<= 1.25", 1.25, _others(which, "p99_ms"), 2),
    )


def ruled(which: str, what: str) -> Row:
    """Settling with rules of a kind of `benchmarks.ruled`, of what it is without any."""
    name = f"families settled per second with {what}, of that without"
    return Row(name, ">= 0.8", lambda measured: _ahead(measured, which) / _ahead(measured, "without"), 0.8, digits=2)


def _ahead(measured: Any, which: str) -> float:
    rate: float = measured["families_per_second"][which]["ahead"]
    return rate


def history(events: int) -> tuple[Row, Row]:
    """With so many million events."""
    begins = f"history of {events} M events"
    return (
        most(f"{begins}: drop of throughput, second to ninth tenth, %", "<= 10", 10, _drop, 1),
        most(f"{begins}: start of all until their first write, s", "<= 5", 5, _first_write, 1),
    )


def rival(name: str, aim: float) -> Row:
    """Against one of `benchmarks.rivals`."""
    return Row(f"product / {name}", f">= {aim:.0f}", lambda measured: measured[name]["ratio"], aim, digits=1)


def bill_runs(accounts: str) -> tuple[Row, Row]:
    """Of so many accounts."""
    begins = f"bill run, {accounts} accounts, two processes"
    return (
        Row(f"{begins}: accounts/s", ">= 1,000", lambda measured: measured["accounts_per_second"], 1_000),
        most(f"{begins}: memory at its end / at a tenth", "<= 1.1", 1.1, _flat, 2),
    )


def exported(lines: str) -> tuple[Row, Row, Row]:
    """Of so many bill lines, and of a journal of them."""
    begins = f"export of {lines} bill lines"

    def rows(name: str) -> Value:
        return lambda exports: next(export["rows_per_second"] for export in exports if export["name"].startswith(name))

    def memory(exports: Any) -> float:
        return max(_flat(export) for export in exports)

    return (
        Row(f"{begins}, Parquet: rows/s", ">= 10,000", rows("bill-lines, parquet"), 10_000),
        Row(f"journal of {lines} bill lines: rows/s", ">= 20,000", rows("journal"), 20_000),
        most(f"{begins}: memory at its end / at a tenth", "<= 1.1", 1.1, memory, 2),
    )


def alert_behind() -> Row:
    """How far an alert comes behind what it is about."""
    return most("alert behind its balance's row, 50 a second: 99 %, ms", "<= 1,000", 1_000, at("p99_ms"))


def held_usage(records: str) -> tuple[Row, Row]:
    """So many records that came before their accounts."""

    def more(measured: Any) -> float:
        return max(most - before for before, most in measured["rss_mb"].values())

    begins = f"{records} held records"
    return (
        Row(f"{begins}: settled/s once their accounts are there", ">= 1,000", at("settled_per_second"), 1_000),
        most(f"{begins}: memory of ingest or API, more than before, MB", "<= 100", 100, more),
    )


def found_by_id(ids: str) -> tuple[Row]:
    """Among so many ids of a partition, whichever is looked for."""

    def slowest(measured: Any) -> float:
        return float(max(lookup["ms"] for lookup in measured["found"]))

    return (most(f"an event found by its id among {ids} of its partition, ms", "<= 250", 250, slowest),)


def scaled(pairs: int, brokers: int) -> Row:
    """Of `benchmarks.scaling`; it is only told."""

    def value(measured: Any) -> float:
        scaled_run = next(scaling for scaling in measured if (scaling["pairs"], scaling["brokers"]) == (pairs, brokers))
        return float(scaled_run["events_per_second"] / measured[0]["events_per_second"])

    processes = f"{2 * pairs} worker processes, {'one broker' if brokers == 1 else f'{brokers} brokers'}"
    return Row(f"throughput with {processes}, of that with 2 and one", "", value, 0.0, digits=2)
