"""Reading a scenario: YAML whose numbers stay text, and the few conversions the biller needs."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

Thing = dict[str, Any]

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")


def load_text(text: str) -> Thing:
    """Every scalar comes as text, so no number passes through float."""
    document = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    if not isinstance(document, dict):
        raise ValueError("a scenario is a mapping")
    return document


def load_file(path: Path) -> Thing:
    return load_text(path.read_text(encoding="utf-8"))


def absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value in {"", "null", "~"})


@cache
def _number(text: str) -> Fraction:
    return Fraction(text)


def num(value: object) -> Fraction:
    return value if isinstance(value, Fraction) else _number(str(value))


def num_or(value: object, default: Fraction | int | None) -> Fraction | None:
    if absent(value):
        return None if default is None else Fraction(default)
    return num(value)


def money_or_zero(value: object) -> Fraction:
    return Fraction(0) if absent(value) else num(value)


def whole(value: object, default: int) -> int:
    return default if absent(value) else int(str(value))


def flag(value: object, default: bool = False) -> bool:
    if absent(value):
        return default
    if isinstance(value, bool):
        return value
    return str(value).lower() in {"true", "yes", "on"}


def day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])


def day_named(value: object, zone: ZoneInfo) -> date:
    """The day that a date or a date-time names: one at midnight UTC its calendar day, any other the day in the zone."""
    if isinstance(value, str) and len(value) > len("2026-01-01"):
        at = instant(value).astimezone(UTC)
        return (at if at.time() == time() else at.astimezone(zone)).date()
    return day(value)


def instant(value: object) -> datetime:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    else:
        moment = datetime.fromisoformat(str(value).replace(" ", "T"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def dates_in(value: object) -> Iterator[date]:
    """Every date that stands anywhere in a scenario, but for epochs, at which nothing happens."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from () if str(name).endswith("Epoch") else dates_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from dates_in(inner)
    elif isinstance(value, date) or (isinstance(value, str) and _DATE.match(value)):
        yield day(value)


def texts(value: object) -> list[str]:
    if absent(value):
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
