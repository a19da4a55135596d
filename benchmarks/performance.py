"""`python -m benchmarks.performance [FILE...]`: puts what `make bench` measured into docs/performance.md, its plots and
docs/scaling.md.

Of several files, each of which `make bench` wrote, the runs of all are taken together: those of a long night can stand
beside those of an hour. No number in the document's tables is written by hand: what they are made of is kept in
docs/measured, and is what is taken where no file is named.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.freshness import PROCESSES as WORKERS
from benchmarks.plots import Bar, bars
from benchmarks.runs import Ran
from benchmarks.table import REACHED, all_programs, how_quiet, rows_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "scaling.md")
PICTURES = ROOT / "docs" / "pictures"
MEASURED = ROOT / "docs" / "measured"
#: Names of what stands between `<!-- name -->` and `<!-- end -->`.
_BLOCK = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Cells = Sequence[str]
_SCALED = (("events_per_second", 0), ("ingest_us", 1), ("projector_us", 1))


def table(columns: Cells, rows: Iterable[Cells]) -> str:
    """A table of Markdown; the first column is words, the others are numbers."""
    lines = [columns, ["---", *("---:" for _ in columns[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def aims(ran: Sequence[Ran]) -> str:
    """Every aim: measured, or why not."""
    rows = []
    for row in rows_of(ran, large=any(program_runs.documents for program_runs in ran if program_runs.program.large)):
        shown, spread, runs = row.numbers
        told = REACHED[row.reached].replace("no", "**no**") if row.values else f"not measured: {row.why}"
        rows.append((row.measure, row.aim, shown, spread, runs, told))
    return table(("measure", "aim", "median", "least to most", "runs", "reached"), rows)


def _that_ran(ran: Sequence[Ran], module: str) -> list[Ran]:
    return [program_runs for program_runs in ran if program_runs.program.module == module and program_runs.documents]


def _median(values: Iterable[float], digits: int = 0) -> str:
    return f"{median(values):,.{digits}f}"


def pipelines(ran: Sequence[Ran]) -> str:
    """Each pipeline and each of its processes."""
    rows = []
    for program_runs in _that_ran(ran, "pipeline"):
        accounts = "100,000 accounts" if "--accounts" in program_runs.arguments else "1,000 accounts"
        for name in ("product", "floor", "naive"):
            documents = [run[name] for run in program_runs.documents]
            rows.append((f"**{name}**, {accounts}", _median(run["events_per_second"] for run in documents), ""))
            for leg in documents[0]["legs"]:
                legs = [run["legs"][leg] for run in documents]
                cpu = _median((run["cpu_us_per_event"] for run in legs), 1)
                rows.append((leg, _median(run["events_per_second"] for run in legs), cpu))
    return table(("", "events/s", "CPU µs an event"), rows)


def freshness(ran: Sequence[Ran]) -> str:
    """What was published, how fresh it was, and what it took."""
    rows = []
    for program_runs in _that_ran(ran, "freshness"):
        for documents in _alone_and_beside(program_runs.documents):
            first = documents[0]
            what = f"{program_runs.documents[0]['accounts']:,} active" + _more(program_runs.documents[0], first)
            took = [_median(run[key] for run in documents) for key in ("p50_ms", "p99_ms")]
            writes = _median((run["writes_per_second"] for run in documents), 1)
            cores = ", ".join(_median((run["cores"][name] for run in documents), 2) for name in WORKERS)
            memory = ", ".join(_median(run["rss_mb"][name] for run in documents) for name in WORKERS)
            settled = _median(run["settled_per_second"] for run in documents)
            in_time = _median((run["lines_in_time"] for run in documents), 1)
            rows.append((what, f"{first['rate']:,}", *took, writes, settled, in_time, cores, memory))
    columns = (
        "accounts", "events/s", "half, ms", "99 %, ms", "writes/s", "families/s", "lines within 2 s, %",
        "ingest, projector: of a core", "MB",
    )  # fmt: skip
    return table(columns, rows)


def _alone_and_beside(documents: Sequence[Any]) -> Iterable[list[Any]]:
    """Of all runs what was measured alone, then beside each account that costs more."""
    yield list(documents)
    for number in range(len(documents[0]["others"])):
        yield [run["others"][number] for run in documents]


def _more(run: Any, measured: Any) -> str:
    resting = f" of {run['accounts'] + run['resting']:,}" if run["resting"] else ""
    beside = f", beside one of kind `{measured['beside']}`" if measured["beside"] else ""
    creates = "" if measured["create_p99_ms"] is None else ", and commands"
    return f"{resting}{beside}{creates}"


def cold(ran: Sequence[Ran]) -> str:
    """The steps of a cold family."""
    documents = [run for program_runs in _that_ran(ran, "cold") for run in program_runs.documents]
    rows = [
        (
            step,
            _median(run["seconds"][step] * 1e6 / run["families"] for run in documents),
            _median(run["cpu_seconds"][step] * 1e6 / run["families"] for run in documents),
            _median(run["bytes_each"][step] for run in documents),
        )
        for step in (documents[0]["seconds"] if documents else ())
    ]
    return table(("step", "µs a family", "CPU µs a family", "bytes a family"), rows)


def replays(ran: Sequence[Ran]) -> str:
    """Folds and audits, by processes."""
    runs = sorted(
        (run for program_runs in _that_ran(ran, "replay") for runs in program_runs.documents for run in runs),
        key=lambda run: (run["name"] != "fold", run["name"], run["processes"]),
    )
    rows = []
    for (name, processes), same in groupby(runs, lambda run: (run["name"], run["processes"])):
        documents = list(same)
        cpu = _median((median(run["cpu_seconds"]) / run["events"] * 1e6 for run in documents), 1)
        rows.append((name, str(processes), _median(run["events_per_second"] for run in documents), cpu))
    return table(("", "processes", "events/s", "CPU µs an event, of Python"), rows)


def starts(ran: Sequence[Ran]) -> str:
    """Seconds of each start, by length of the history."""
    rows = []
    for program_runs in _that_ran(ran, "start"):
        for number, start in enumerate(program_runs.documents[0]["starts"]):
            seconds = [value for run in program_runs.documents for value in run["starts"][number]["seconds"]]
            cpu = [value for run in program_runs.documents for value in run["starts"][number]["cpu"]]
            spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
            events = f"{program_runs.documents[0]['events'] / 1e6:g} M"
            rows.append((start["what"], events, f"{median(seconds):.1f}", spread, f"{median(cpu):.1f}"))
    return table(("", "events behind it", "seconds", "least to most", "CPU seconds"), rows)


def scaling(ran: Sequence[Ran]) -> str:
    """Throughput by worker processes and brokers."""
    runs = [document for program_runs in _that_ran(ran, "scaling") for document in program_runs.documents]
    rows = []
    for case in range(len(runs[0]) if runs else 0):
        documents = [run[case] for run in runs]
        pairs, brokers = documents[0]["pairs"], documents[0]["brokers"]
        numbers = (_median((run[key] for run in documents), digits) for key, digits in _SCALED)
        rows.append((f"{pairs} ingest, {pairs} projector", str(brokers), *numbers))
    return table(("workers", "brokers", "events/s", "CPU µs an event: ingest", "projector"), rows)


def machine(ran: Sequence[Ran]) -> str:
    """Cores, load, and how long it all took."""
    seconds = sum(sum(program_runs.seconds) for program_runs in ran)
    if not seconds:
        return "Nothing was measured yet."
    return " ".join([*(f"{line}." for line in how_quiet(ran)), f"All runs together took {seconds / 60:.0f} minutes."])


BLOCKS: Mapping[str, Callable[[Sequence[Ran]], str]] = {
    "aims": aims,
    "pipelines": pipelines,
    "freshness": freshness,
    "cold": cold,
    "replay": replays,
    "starts": starts,
    "scaling": scaling,
    "machine": machine,
}


def plots(ran: Sequence[Ran]) -> dict[str, str]:
    """SVG by the name of its file."""
    fresh = [
        Bar(row.measure.removeprefix("usage -> balance visible, ").removesuffix(", ms"), row.values, row.limit)
        for row in rows_of(ran, large=True)
        if row.values and row.measure.startswith("usage -> balance")
    ]
    speeds = [
        Bar(f"{name}, {'100,000' if '--accounts' in program_runs.arguments else '1,000'} accounts", values, None)
        for program_runs in _that_ran(ran, "pipeline")
        for name in ("product", "floor", "naive")
        if (values := [run[name]["events_per_second"] for run in program_runs.documents])
    ]
    speeds += [
        Bar(name, [run[name]["other"] for run in program_runs.documents])
        for program_runs in _that_ran(ran, "rivals")
        for name in program_runs.documents[0]
        if not name.endswith("replay")
    ]
    memory = [
        Bar(
            f"{process}, {program_runs.documents[0]['accounts']:,} active accounts",
            [run["rss_mb"][process] for run in program_runs.documents],
        )
        for program_runs in _that_ran(ran, "freshness")
        if not program_runs.documents[0]["others"] and program_runs.documents[0]["create_p99_ms"] is None
        for process in WORKERS
    ]
    drawn = {
        "performance-freshness": ("From published to visible", "milliseconds", fresh, True),
        "performance-throughput": ("Usage taken in", "events a second", speeds, True),
        "performance-memory": ("Memory of a worker", "MB", memory, False),
    }
    return {
        name: bars(title, unit, shown, id=name, by_tenfold=tenfold)
        for name, (title, unit, shown, tenfold) in drawn.items()
    }


def filled(page: str, ran: Sequence[Ran]) -> str:
    """The page with every block anew."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]](ran)}\n{block[3]}", page)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True))
def main(files: tuple[Path, ...]) -> None:
    """Write tables and plots from what `make bench` wrote, by default what of it is kept in docs/measured."""
    ran = all_programs(quick=False)
    runs_by_command = {program_runs.run_with: program_runs for program_runs in ran}
    for file in files or sorted(MEASURED.glob("*.json")):
        for document in json.loads(file.read_text())["programs"]:
            if document["run_with"] not in runs_by_command:
                sys.exit(f"{file}: no program is run with {document['run_with']!r}; was it measured with --quick?")
            runs_by_command[document["run_with"]].take(document)
    for page in PAGES:
        page.write_text(filled(page.read_text(), ran))
    for name, drawing in plots(ran).items():
        (PICTURES / f"{name}.svg").write_text(drawing + "\n")


if __name__ == "__main__":
    main()
