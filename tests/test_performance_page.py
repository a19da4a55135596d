"""docs/performance.md and docs/scaling.md: their tables and plots come whole from what `make bench` wrote."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from benchmarks import performance
from benchmarks.plots import Bar, bars
from benchmarks.programs import PROGRAMS
from benchmarks.runs import Ran
from benchmarks.table import all_programs, document_of, rows_of

FRESH = {
    "beside": None,
    "rate": 1_000,
    "p50_ms": 40.0,
    "p99_ms": 300.0,
    "writes_per_second": 9.5,
    "cores": {"ingest": 0.5, "projector": 0.6},
    "rss_mb": {"ingest": 200.0, "projector": 300.0},
    "create_p50_ms": None,
    "create_p99_ms": None,
    "lines_in_time": 99.5,
    "settled_per_second": 4_000,
}
PIPELINE = {"events_per_second": 40_000, "legs": {"leg": {"events_per_second": 50_000, "cpu_us_per_event": 12.3}}}
STEPS = ("rows", "families", "terms", "settled", "at rest")
FOLDED = {"events": 1_000, "cpu_seconds": [0.01], "events_per_second": 90_000}
STARTS = [{"what": what, "seconds": [1.0, 3.0], "cpu": [0.5]} for what in ("relay", "all of them")]
#: What each program gives, as far as it is read.
FOUND: dict[str, Any] = {
    "living": {"families_per_second": {"usual": {"ahead": 9_000.0}}},
    "ids": {"bytes_each": 18.0},
    "ruled": {"families_per_second": {key: {"ahead": 9000.0} for key in ("without", "alert rules", "automatic rules")}},
    "pipeline": {
        "product": PIPELINE,
        "floor": PIPELINE,
        "naive": PIPELINE,
        "ratios": {"product/floor": 0.5, "product/naive": 30.0},
    },
    "replay": [FOLDED | {"name": name, "processes": count} for name in ("fold", "audit") for count in (1, 2)],
    "cold": {"families": 100, **{key: dict.fromkeys(STEPS, 1.0) for key in ("seconds", "cpu_seconds", "bytes_each")}},
    "rivals": {
        f"{name}": {"product": 50, "other": 10, "ratio": 5.0}
        for name in ("Quix Streams, windowed sum", "eventsourcing, append", "eventsourcing, replay")
    },
    "bill_run": {"accounts_per_second": 100.0, "rss_mb": [50.0, 50.0, 51.0]},
    "alerting": {"p99_ms": 200.0},
    "exporting": [
        {"name": name, "rows_per_second": 9_000, "rss_mb": [90.0, 95.0, 99.0]}
        for name in ("bill-lines, csv", "bill-lines, parquet", "journal, parquet")
    ],
    "correcting": {"ids": 1_000, "found": [{"asked": name, "ranges": 1, "ms": 90.0} for name in ("oldest", "newest")]},
    "holding": {"settled_per_second": 900.0, "rss_mb": {"ingest": [90.0, 120.0], "api": [120.0, 160.0]}},
    "http": [{"name": "create a commitment", "ratio": 0.3}],
    "start": {"events": 1_000_000, "early_per_second": 10.0, "late_per_second": 9.0, "starts": STARTS},
    "overview": [{"p50_ms": 100.0}, {"p50_ms": 50.0}],
    "pages": [{"p50_ms": 200.0}, {"p50_ms": 250.0}, {"p50_ms": 300.0}],
    "scaling": [
        {"pairs": pairs, "brokers": brokers, "events_per_second": 10, "ingest_us": 9.0, "projector_us": 7.0}
        for pairs, brokers in ((1, 1), (2, 1), (1, 3), (2, 3))
    ],
}


def found(one: Ran) -> Any:
    """What the program gives with these arguments."""
    if one.program.module != "freshness":
        return FOUND[one.program.module]
    beside = re.findall(r"--beside (\w+)", one.arguments) + ["rules"] * ("--alerts" in one.arguments)
    creates = {"create_p50_ms": 10.0, "create_p99_ms": 20.0} if "--creates" in one.arguments else {}
    others = [FRESH | {"beside": name, "p99_ms": 330.0} for name in beside]
    return FRESH | creates | {"accounts": 100, "resting": 900 if "--resting" in one.arguments else 0, "others": others}


def measured() -> list[Ran]:
    """Every program has run twice."""
    ran = all_programs(quick=False)
    for program in ran:
        program.documents, program.seconds, program.cpu_seconds, program.loads = (
            [found(program)] * 2,
            [1.0] * 2,
            [1.0] * 2,
            [0.1] * 2,
        )
    return ran


def test_every_row_finds_its_number_in_what_its_program_gives() -> None:
    rows = rows_of(measured(), large=True)
    assert [row.values for row in rows if len(row.values) != 2] == [] and len(rows) > len(PROGRAMS)


def test_the_pages_are_filled_from_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [tmp_path / page.name for page in performance.PAGES]
    for copy, page in zip(pages, performance.PAGES, strict=True):
        copy.write_text(page.read_text())
    monkeypatch.setattr(performance, "PAGES", pages)
    monkeypatch.setattr(performance, "PICTURES", tmp_path)
    file = tmp_path / "found.json"
    file.write_text(json.dumps(document_of(measured(), quick=False, large=True)))
    done = CliRunner().invoke(performance.main, [str(file), str(file)], catch_exceptions=False)
    assert done.exit_code == 0
    text = "".join(page.read_text() for page in pages)
    assert set(re.findall(r"<!-- ([a-z]+) -->\n", text)) == {*performance.BLOCKS, "end"}, "no block is left out"
    assert "| throughput, events/s | >= 100,000 | 40,000 | 40,000 to 40,000 | 4 | **no** |" in text
    assert "| 100 active, beside one of kind `hot` | 1,000 | 40 | 330 | 9.5 | 4,000 | 99.5 | 0.50, 0.60 | 200" in text
    assert "| 2 ingest, 2 projector | 3 | 10 | 9.0 | 7.0 |" in text and "not measured" not in text
    shown = set(re.findall(r"pictures/([a-z-]+\.svg)", text))
    assert shown == {path.name for path in tmp_path.glob("*.svg")} != set()
    # Again changes nothing.
    before = [page.read_text() for page in pages]
    CliRunner().invoke(performance.main, [str(file), str(file)], catch_exceptions=False)
    assert [page.read_text() for page in pages] == before


def test_the_pages_are_what_the_measurements_beside_them_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = performance.PAGES
    monkeypatch.setattr(performance, "PAGES", [tmp_path / page.name for page in written])
    monkeypatch.setattr(performance, "PICTURES", tmp_path)
    for page in written:
        (tmp_path / page.name).write_text(page.read_text())
    pictures = {path.name: path.read_text() for path in (performance.ROOT / "docs" / "pictures").glob("performance-*")}
    done = CliRunner().invoke(performance.main, [], catch_exceptions=False)
    assert done.exit_code == 0
    assert [(tmp_path / page.name).read_text() for page in written] == [page.read_text() for page in written]
    assert {path.name: path.read_text() for path in tmp_path.glob("*.svg")} == pictures != {}


def test_without_numbers_page_and_plots_say_so() -> None:
    text = performance.filled(performance.PAGES[0].read_text(), all_programs(quick=False))
    assert "| not measured: the time was up before its first run |" in text
    assert all(
        "Nothing was measured yet." in drawing for drawing in performance.plots(all_programs(quick=False)).values()
    )


@pytest.mark.parametrize("by_tenfold", [True, False])
def test_a_bar_reaches_its_median_and_marks_its_aim(by_tenfold: bool) -> None:
    shown = [Bar("a <b>", [10, 30, 20], 100), Bar("c", [1_000])]
    root = ElementTree.fromstring(bars("Time", "ms", shown, id="t", by_tenfold=by_tenfold))
    name = "{http://www.w3.org/2000/svg}"
    widths = [float(element.attrib["width"]) for element in root.findall(f"{name}rect")]
    assert widths == sorted(widths) and widths[0] < widths[1]
    titles = [element.text for element in root.iter(f"{name}title")]
    assert titles == ["Time", "a <b>: 20, the aim is 100", "c: 1,000"]
