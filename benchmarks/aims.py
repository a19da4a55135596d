"""What is aimed at, row by row: which program measures it, with which arguments, and where its JSON has the number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

#: A number out of the JSON of one run.
Value = Callable[[Any], float]


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with its aim, as the table shows both, and `limit` in the row's unit: the least, or the most."""

    measure: str
    aim: str
    value: Value
    limit: float
    is_least: bool = True
    digits: int = 0

    def reached(self, found: float) -> bool:
        """Whether a number is as good as it is to be."""
        return found >= self.limit if self.is_least else found <= self.limit


@dataclass(frozen=True, slots=True)
class Program:
    """A benchmark with its arguments, and those of a quick look; `seconds` is how long it may take at most.

    What is `large` needs so many accounts that to make them takes longer than to measure.
    """

    module: str
    arguments: str
    quick: str
    seconds: float
    rows: tuple[Row, ...]
    large: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A row that no program measures, and why."""

    measure: str
    aim: str
    why: str


def _most(measure: str, aim: str, limit: float, value: Value, digits: int = 0) -> Row:
    return Row(measure, aim, value, limit, is_least=False, digits=digits)


def _fresh(what: str, p50: float, p99: float) -> tuple[Row, Row]:
    """Milliseconds from published to visible."""
    begins = f"usage -> balance visible, {what}"
    return (
        _most(f"{begins}: half, ms", f"<= {p50:,.0f}", p50, lambda found: found["p50_ms"]),
        _most(f"{begins}: 99 %, ms", f"<= {p99:,.0f}", p99, lambda found: found["p99_ms"]),
    )


def _per_core(kind: str) -> Value:
    """Events a second and core, of the most processes that were tried."""

    def value(found: Any) -> float:
        runs = [one for one in found if one["name"] == kind]
        widest = max(runs, key=lambda one: one["processes"])
        return float(widest["events_per_second"] / widest["processes"])

    return value


#: The steps of `benchmarks.cold` until a family is settled.
_LOADED = ("rows", "families", "terms", "settled")


def _cold_seconds(found: Any) -> float:
    return float(sum(found["seconds"][step] for step in _LOADED) * 10_000 / found["families"])


def _in_use(found: Any) -> float:
    return float(sum(found["bytes_each"][step] for step in _LOADED))


def _flat(found: Any) -> float:
    tenth, _, end = found["rss_mb"]
    return float(end / tenth) if tenth else 0.0


PROGRAMS = (
    Program(
        "living",
        "",
        "--families 200 --rounds 8",
        600,
        (
            Row(
                "families settled per second and core, usual usage (CPU time)",
                ">= 15,000",
                lambda found: found["families_per_second"]["usual"]["ahead"],
                15_000,
            ),
        ),
    ),
    Program(
        "ids",
        "",
        "--ids 1000000",
        600,
        (_most("memory of a remembered id, bytes", "<= 20", 20, lambda found: found["bytes_each"], 1),),
    ),
    Program(
        "freshness",
        "--accounts 1000 --rate 20000 --seconds 20",
        "--accounts 200 --rate 2000 --seconds 5",
        600,
        _fresh("1,000 active accounts at 20,000 events/s", 60, 250),
    ),
    Program(
        "freshness",
        "--accounts 10000 --rate 10000 --seconds 60",
        "--accounts 1000 --rate 1000 --seconds 5",
        1_500,
        _fresh("10,000 active accounts at 10,000 events/s", 150, 1_000),
    ),
    Program(
        "freshness",
        "--accounts 100000 --rate 10000 --seconds 120",
        "--accounts 2000 --rate 200 --seconds 10",
        7_200,
        _fresh("100,000 active accounts, each an event in ten seconds", 500, 3_000),
        large=True,
    ),
    Program(
        "pipeline",
        "--events 400000",
        "--events 50000 --naive 500",
        1_200,
        (
            Row("throughput, events/s", ">= 100,000", lambda found: found["product"]["events_per_second"], 100_000),
            Row(
                "throughput, product / floor, 1,000 accounts",
                ">= 0.6",
                lambda found: found["ratios"]["product/floor"],
                0.6,
                digits=2,
            ),
            Row("product / naive FastStream", ">= 25", lambda found: found["ratios"]["product/naive"], 25, digits=1),
        ),
    ),
    Program(
        "pipeline",
        "--events 1000000 --accounts 100000",
        "--events 50000 --accounts 2000 --naive 500",
        7_200,
        (
            Row(
                "throughput, product / floor, 100,000 accounts",
                ">= 0.6",
                lambda found: found["ratios"]["product/floor"],
                0.6,
                digits=2,
            ),
        ),
        large=True,
    ),
    Program(
        "replay",
        "--events 1000000 --repeats 1",
        "--events 50000 --repeats 1",
        1_800,
        (
            Row("replay, events/s and core", ">= 150,000", _per_core("fold"), 150_000),
            Row("audit, events/s and core", ">= 150,000", _per_core("audit"), 150_000),
        ),
    ),
    Program(
        "cold",
        "--accounts 10000",
        "--accounts 500",
        1_500,
        (
            _most("10,000 cold families into memory, settled, s", "<= 2", 2, _cold_seconds, 1),
            _most("memory of a family at rest, bytes", "<= 4,000", 4_000, lambda found: found["bytes_each"]["at rest"]),
            _most("memory of 100,000 families in use, MB", "<= 60", 60, lambda found: _in_use(found) / 10, 0),
        ),
    ),
    Program(
        "bill_run",
        "--accounts 10000",
        "--accounts 300",
        2_400,
        (
            Row("bill run, one process, accounts/s", ">= 1,000", lambda found: found["accounts_per_second"], 1_000),
            _most("bill run: memory at its end / at a tenth", "<= 1.1", 1.1, _flat, 2),
        ),
    ),
    Program(
        "http",
        "",
        "--requests 40",
        1_200,
        (
            Row(
                "create a commitment, of the bare handler's requests/s",
                ">= 0.4",
                lambda found: median(one["ratio"] for one in found if one["name"].startswith("create")),
                0.4,
                digits=2,
            ),
        ),
    ),
    Program(
        "overview",
        "",
        "--accounts 1000 --times 5",
        1_200,
        (
            _most("overview of 100,000 accounts: half, ms", "<= 500", 500, lambda found: found[0]["p50_ms"]),
            _most("outlook of 1,000 commitments: half, ms", "<= 300", 300, lambda found: found[1]["p50_ms"]),
        ),
    ),
)

NOT_MEASURED = (
    NotMeasured(
        "throughput against Quix Streams (windowed sum)", ">= 2 x", "the library is none of those that are locked"
    ),
    NotMeasured("append and replay against `eventsourcing`", ">= 5 x", "the library is none of those that are locked"),
    NotMeasured(
        "history of 1 M -> 20 M events: throughput, start of a worker",
        "< 10 % drop, < 5 s",
        "no program reads on over a long history; `benchmarks.pipeline --events 20000000` takes one from empty",
    ),
    NotMeasured(
        "create commitment at 200/s beside 10,000 events/s: 99 %",
        "< 30 ms",
        "no program sends commands beside usage; `benchmarks.http` sends them alone",
    ),
    NotMeasured(
        "bill run, 100,000 accounts, two processes", ">= 1,000 accounts/s", "`benchmarks.bill_run` starts one process"
    ),
)
