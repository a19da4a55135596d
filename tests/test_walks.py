"""docs/walks.md is true: each file that it names is passed, by its rule of counting, and so many are."""

import ast
import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from types import FrameType

import pytest

from benchmarks import living
from benchmarks.family import end_of, family, totals
from projections.calendar import ONE_DAY
from projections.readmodels.positions import Position
from projections.settlement import draft_bills
from projections.usage import meter_plans
from services.kafka import Polled
from services.projection.fold import apply_facts, note_usage
from services.projection.taking import take
from services.projection.unwritten import new_partition
from services.readside.family_cache import FamilyCache
from tests.ingest.bench import ORIGINS, Bench, a_record
from tests.ingest.world import World
from tests.modules import ROOMS, ROOT, parsed, sources

_INTRODUCTION, _COUNTING, *_WALKS = (ROOT / "docs" / "walks.md").read_text().split("\n## ")
USAGE, COMMAND, BILL_RUN, _ = _WALKS
#: What the rule of counting leaves out, folders and files; `settled_rows` works out the rows that the others declare.
LEFT_OUT = tuple(re.findall(r"`([\w/]+(?:/|\.py))`", _COUNTING.partition("tests/test_walks.py")[0]))
COUNTED_ALL_THE_SAME = "projections/readmodels/settled_rows.py"
#: Of the first walk, what runs without servers: there every call is noted.
PURE = ("events/", "projections/")
PURE_OF_SERVICES = {
    *(f"services/ingest/{name}.py" for name in ("batch", "cloudevent", "lane", "validate", "instants", "seen_ids")),
    *(
        f"services/ingest/{name}.py"
        for name in ("rating", "directory", "totals", "running_charge", "record", "json_text")
    ),
    *(f"services/projection/{name}.py" for name in ("taking", "fold", "unwritten", "settling", "settled_tables")),
    "services/readside/family_state.py",
    "services/kafka/log_reader.py",
}
#: Of a record of the log that is no usage, and of a bill that is appended: not noted here.
WITH_SERVERS = {"events/bill_parts.py", "events/codec.py"}


def named(walk: str) -> set[str]:
    return set(re.findall(r"`([\w/]+\.py)`", walk))


def is_counted(file: str) -> bool:
    return file == COUNTED_ALL_THE_SAME or not file.startswith(LEFT_OUT)


@contextmanager
def passed() -> Iterator[set[str]]:
    """The product's files of which a function is called in the block."""
    files = set[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    product = set[str]()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield product
    finally:
        sys.setprofile(before)
        prefix = f"{ROOT}/"
        inside = {file.removeprefix(prefix) for file in files if file.startswith(prefix)}
        product |= {file for file in inside if file.startswith(tuple(f"{room}/" for room in ROOMS))}


def ingested_and_folded() -> set[str]:
    """A record of a new billing period is judged and rated, and what that wrote is taken into memory."""
    world = World("org", 1)
    bench = Bench(world)
    bench.take(world.usage("december", time="2025-12-15T12:00:00Z"))
    cache = FamilyCache()
    state, zones = new_partition(Position(0), {}), {world.account_id("acme-0"): cache.days_in("Europe/Berlin")}
    plans = meter_plans(bench.follower.organizations["org"])
    with passed() as files:
        outcome = bench.take(world.usage("january"))
        # Without what is written of the poll itself, which is no record of usage.
        log = [a_record(record.value, offset) for offset, record in enumerate(outcome.records[:1])]
        decoded = take(state.position, Polled(log, 1), ORIGINS)
        apply_facts(state, decoded, cache)
        note_usage(state, decoded)
        state.unwritten.add_usage(decoded, plans, zones)
    return files


def settled_and_drafted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The first usage of a month is settled, with its lines, and a bill is drafted."""
    last = end_of(2) - ONE_DAY

    def without_last_month(months: int, charges: int) -> dict[object, dict[date, object]]:
        return {
            key: {day: state for day, state in days.items() if (day.year, day.month) != (last.year, last.month)}
            for key, days in totals(months, charges).items()
        }

    monkeypatch.setattr("benchmarks.living.totals", without_last_month)
    families = living.living(1, 2, 1, 1)
    of_last_day = tuple((*key[:-1], last) for key in families.cells)
    asyncio.run(families.round(0, whole=True))
    billed = family(2, 1, 1)
    with passed() as files:
        asyncio.run(replace(families, cells=of_last_day).round(1, whole=True))
        assert draft_bills(billed, date=date(2040, 1, 1))
    return files


def test_the_pure_part_of_the_first_walk_is_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = {file for file in ingested_and_folded() | settled_and_drafted(monkeypatch) if is_counted(file)}
    walk = named(USAGE)
    assert not {file for file in ran if not file.endswith("__init__.py")} - walk, "passed, and not named"
    pure = {file for file in walk if file.startswith(PURE) or file in PURE_OF_SERVICES} - WITH_SERVERS
    assert walk >= PURE_OF_SERVICES
    assert not pure - ran, "named, and not passed"


@cache
def given_on(package: str) -> dict[str, str]:
    """Which module each name is of that a package's `__init__` gives on."""
    path = ROOT / package / "__init__.py"
    given = {}
    for node in ast.walk(parsed(path)) if path.exists() else ():
        if isinstance(node, ast.ImportFrom) and node.module:
            given.update({alias.asname or alias.name: node.module.replace(".", "/") for alias in node.names})
    return given


@cache
def imports(file: str) -> frozenset[str]:
    """The files of the product that a file imports from."""
    found = set[str]()
    for node in ast.walk(parsed(ROOT / file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = node.module.replace(".", "/")
            for alias in node.names:
                found |= {f"{module}.py", f"{module}/{alias.name}.py", f"{given_on(module).get(alias.name)}.py"}
    return frozenset(found)


@pytest.mark.parametrize("walk", [USAGE, COMMAND, BILL_RUN], ids=["usage", "command", "bill run"])
def test_each_file_of_a_walk_is_there_and_next_to_another_one(walk: str) -> None:
    # A bill run goes on where the others end.
    beside = named(walk) | (named(USAGE) | named(COMMAND) if walk is BILL_RUN else set())
    there = {str(path.relative_to(ROOT)) for room in ROOMS for path in sources(room)}
    assert named(walk) <= there
    assert not {file for file in named(walk) if not _has_neighbour(file, beside - {file})}


def _has_neighbour(file: str, others: Iterable[str]) -> bool:
    return any(other in imports(file) or file in imports(other) for other in others)


def test_walks_name_nothing_that_the_rule_leaves_out_and_say_how_many_files_they_pass() -> None:
    told = re.search(r"The first walk passes (\d+) files, the second (\d+), the third (\d+) more\.", _COUNTING)
    assert told is not None
    earlier = named(USAGE) | named(COMMAND)
    counts = len(named(USAGE)), len(named(COMMAND)), len(named(BILL_RUN) - earlier)
    assert tuple(map(int, told.groups())) == counts
    assert not {file for file in earlier | named(BILL_RUN) if not is_counted(file)}
