"""Zones are those of the IANA database, by the rules of the package `tzdata`, whatever files the host has."""

import ast
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from events.zones import time_zone, zone_names
from projections.calendar import local_day
from services.commands.bodies import parse_body
from services.commands.refused import InvalidBody
from tests.commands.world import document

ROOT = Path(__file__).parents[2]
NO_ZONES = [
    "localtime",
    "posixrules",
    "Factory",
    "posix/Europe/Berlin",
    "right/UTC",
    "europe/berlin",
    "Europe",
    "zone.tab",
]
NO_ZONES += ["../Europe/Berlin", "/etc/localtime", "leapseconds", "Mars/Base", "Europe/Berlin ", "", "x" * 100_000]
#: 23:30 UTC is the next day in Berlin and Tokyo, and still the same in New York.
LATE = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", NO_ZONES, ids=lambda name: name[:30])
def test_what_is_no_name_of_the_database_is_refused(name: str) -> None:
    with pytest.raises(InvalidBody, match="timezone: must be an IANA time zone name, such as Europe/Berlin"):
        parse_body("account", document("account", timezone=name))


def test_every_name_of_the_database_is_a_zone() -> None:
    assert len(zone_names()) > 500
    for name in zone_names():
        assert LATE.astimezone(time_zone(name)).utcoffset() is not None, name
        assert str(time_zone(name)) == name and time_zone(name) is time_zone(name)


def test_the_hosts_files_are_not_asked(tmp_path: Path) -> None:
    """The host says that Berlin keeps New York's time, and has a zone that nobody else has."""
    forged = files("tzdata").joinpath("zoneinfo/America/New_York").read_bytes()
    for name in ("Europe/Berlin", "Mars/Base"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(forged)
    code = "from zoneinfo import ZoneInfo; from events.zones import zone_names;"
    code += "from projections.calendar import local_day;"
    code += "from datetime import datetime, UTC; late = datetime(2026, 1, 15, 23, 30, tzinfo=UTC);"
    code += "print(late.astimezone(ZoneInfo('Europe/Berlin')).date(), local_day(late, 'Europe/Berlin'),"
    code += "'Mars/Base' in zone_names())"
    told = _told(code, tmp_path)
    assert told == "2026-01-15 2026-01-16 False"


def test_a_zone_of_an_earlier_fact_keeps_the_hosts_rules(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(files("tzdata").joinpath("zoneinfo/Asia/Tokyo").read_bytes())
    code = "from projections.calendar import local_day; from datetime import datetime, UTC;"
    code += "print(local_day(datetime(2026, 1, 15, 23, 30, tzinfo=UTC), 'localtime'))"
    assert _told(code, tmp_path) == "2026-01-16"


def test_days_are_the_zones_own() -> None:
    assert local_day(LATE, "Europe/Berlin") == date(2026, 1, 16)
    assert local_day(LATE, "America/New_York") == date(2026, 1, 15)


def test_no_other_module_makes_a_zone() -> None:
    makers = set()
    for room in ("events", "projections", "services"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            if "zoneinfo" not in text:  # nobody has one without importing it
                continue
            calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
            if any(ast.unparse(call.func).split(".")[0] in ("ZoneInfo", "zoneinfo") for call in calls):
                makers.add(path.relative_to(ROOT).as_posix())
    assert makers == {"events/zones.py"}


def _told(code: str, zones: Path) -> str:
    environment = os.environ | {"PYTHONTZPATH": str(zones)}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    return run.stdout.decode().strip()
