"""The rooms of services: which stands below which, and what a room may import of another."""

import ast
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.modules import ROOT, parsed, sources

#: Rooms of services that are processes, or run inside one: what two of them share lies below both.
WORKERS = ("ingest", "relay", "projector", "billing", "audit", "notary", "archive", "webhooks")
#: What lies below the workers.
SHARED = {
    *("readside", "projection", "store", "kafka", "postgres", "continuity", "commands", "refusals", "worker"),
    *("access", "run.stack", "sight", "proof", "personal", "jobs", "apart"),
}
#: Who stands in front of the workers, or plays them: nothing below imports these.
FRONTS = ("api", "console", "demo", "simulate", "rebuild", "run.cli", "run.up")
#: Who stands between the workers and those in front, and what of either each may import.
BESIDE: dict[str, set[str]] = {
    **{room: set() for room in ("alerts", "corrections", "doctor", "erasure", "migrate", "run")},
    **{"automation": {"billing"}, "explain": {"billing"}, "statement": {"billing"}, "status": {"audit", "billing"}},
    **{"exports": {"archive"}, "importing": {"api"}, "contracts": {"api", "ingest", "relay"}},
}


def imported_of_services(path: Path) -> list[list[str]]:
    """What a module imports of services, wherever it does: room, and module or room below it."""
    modules = [node.module for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
    return [name.split(".")[1:3] for name in modules if name and name.startswith("services.")]


def imported_rooms(path: Path) -> set[str]:
    """The rooms of services that a module imports from, and the modules one below a room."""
    return {".".join(names[:depth]) for names in imported_of_services(path) for depth in (1, 2)}


def room_of(parts: Sequence[str]) -> str:
    """A room is a folder; what stands in front of all rooms counts by itself, whichever folder it is in."""
    place = ".".join(parts[:2])
    return place if place in FRONTS else parts[0]


def test_rooms_of_services_form_no_cycle() -> None:
    rooms: dict[str, set[str]] = {}
    for path in sources("services"):
        room = room_of(path.relative_to(ROOT / "services").with_suffix("").parts)
        rooms.setdefault(room, set()).update({room_of(names) for names in imported_of_services(path)} - {room})
    TopologicalSorter(rooms).prepare()
    assert {"run.up", "migrate", "run", "continuity", "readside"} <= rooms.keys()


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_imports_no_worker(worker: str) -> None:
    for path in sources(f"services/{worker}"):
        others = imported_rooms(path) & {*WORKERS, *FRONTS} - {worker}
        assert not others, f"{path.relative_to(ROOT)} imports {sorted(others)}"


def test_what_workers_share_imports_none_of_them() -> None:
    for path in sources("services"):
        parts = path.relative_to(ROOT / "services").with_suffix("").parts
        if {".".join(parts[:1]), ".".join(parts[:2])} & SHARED:
            found = imported_rooms(path) & {*WORKERS, *FRONTS}
            assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}"


def test_every_room_has_its_place_and_imports_no_more_than_its_place_allows() -> None:
    for path in sources("services"):
        parts = path.relative_to(ROOT / "services").with_suffix("").parts
        room = parts[0]
        if len(parts) > 1 and not {room, room_of(parts)} & {*WORKERS, *SHARED, *FRONTS}:
            assert room in BESIDE, f"services/{room} is in front of the workers, beside them or below: say which"
            others = imported_rooms(path) & {*WORKERS, *FRONTS} - BESIDE[room]
            assert not others, f"{path.relative_to(ROOT)} imports {sorted(others)}"
