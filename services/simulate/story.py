"""A scenario file as a story: organization, entities and steps, checked field by field (scenarios/README.md)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from events.dates import instant_at, read_day, read_instant, read_moment
from services.commitments.catalog import DATED
from services.commitments.table import KINDS
from services.simulate.entities import LISTS, Entities, check_references, earliest_date
from services.simulate.player import Document
from services.simulate.yaml_lines import Mapping, ScenarioError, read_yaml

#: Fields of each kind of step that has a mapping: field -> (what it must be, required).
_CATEGORIES = ("measure", "income", "cost", "who", "what", "where", "other", "metadata")
_FIELDS: dict[str, dict[str, tuple[str, bool]]] = {
    "usage": {
        "account": ("text", True),
        "meter": ("text", True),
        "ts": ("wire instant", True),
        "uid": ("text", False),
        "ets": ("wire instant", False),
        "repeat": ("mapping", False),
        **{category: ("mapping", False) for category in _CATEGORIES},
    },
    "bill": {"date": ("date", True), "account": ("text", False)},
    "preview": {"date": ("date", True), "account": ("text", True)},
    "unbilled": {"account": ("text", True), "date": ("date", True)},
    "update": {"set": ("mapping", True), "effectiveDate": ("date", False)},
    "delete": {"force": ("flag", False)},
    "topUp": {
        "commitment": ("text", True),
        "amount": ("number", True),
        "date": ("date", True),
        "recurring": ("flag", False),
    },
    "cancel": {"commitment": ("text", True), "date": ("date", True), "policy": ("text", False)},
    "adjustment": {
        "account": ("text", True),
        "counter": ("text", True),
        "date": ("date", True),
        "value": ("number", True),
    },
    "transaction": {"balance": ("text", True), "amount": ("number", True), "date": ("date", True)},
    "approve": {"account": ("text", True)},
    "create": {},
    "commitment": {},
}
_REPEAT = re.compile(r"([0-9]{1,8})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: A step that repeats less often than this is none: stories are about years, and dates end at 9999.
_LONGEST = timedelta(days=366)
CATEGORIES = _CATEGORIES


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `fields` are checked and of the right types; for `create`, `documents` are what it makes."""

    index: int
    kind: str
    line: int
    fields: dict[str, Any]
    expect: Any
    expect_error: str | None
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A whole scenario."""

    title: str
    organization: dict[str, Any]
    documents: tuple[Document, ...]
    steps: tuple[Step, ...]
    earliest: date


def read_story(path: Path) -> Story:
    """Read a scenario file. Raises: ScenarioError, OSError."""
    return parse_story(read_yaml(path))


def parse_story(document: Any) -> Story:
    """A story of a loaded document. Raises: ScenarioError."""
    if not isinstance(document, Mapping):
        raise ScenarioError(1, "scenario", "the file must be a mapping")
    known = {"scenario", "source", "organization", "steps", *LISTS}
    for key in document:
        if key not in known:
            raise ScenarioError(document.line_of(key), key, "is not a field of a scenario")
    organization = document.get("organization") or {}
    if not isinstance(organization, dict):
        raise ScenarioError(document.line_of("organization"), "organization", "must be a mapping")
    earliest = earliest_date(document) or date(2026, 1, 1)
    entities = Entities(str(organization.get("currency", "USD")), earliest)
    documents = tuple(entities.documents(document))
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError(document.line_of("steps"), "steps", "must be a list of steps")
    played = tuple(_step(index, step, document.line_of("steps"), entities) for index, step in enumerate(steps))
    return Story(str(document.get("scenario", "")), dict(organization), documents, played, earliest)


def _step(index: int, step: Any, line: int, entities: Entities) -> Step:
    if not isinstance(step, Mapping):
        raise ScenarioError(line, f"steps[{index}]", "must be a mapping")
    kinds = [key for key in step if key in _FIELDS]
    if len(kinds) != 1:
        raise ScenarioError(step.line, f"steps[{index}]", f"must name one kind of step of {', '.join(sorted(_FIELDS))}")
    [kind] = kinds
    for key in step:
        if key not in (kind, "expect", "expectError"):
            raise ScenarioError(step.line_of(key), key, "is not a field of a step")
    error = step.get("expectError")
    documents: tuple[Document, ...] = ()
    if kind == "create":
        documents = tuple(_created(step, entities, refused=error is not None))
        fields: dict[str, Any] = {}
    elif kind == "commitment":
        fields = {"commitment": _typed(step, "commitment", "text")}
    else:
        fields = _fields(kind, step[kind], step.line)
    return Step(index, kind, step.line, fields, step.get("expect"), None if error is None else str(error), documents)


def _created(step: Mapping, entities: Entities, *, refused: bool) -> list[Document]:
    lists = step["create"]
    if not isinstance(lists, Mapping):
        raise ScenarioError(step.line, "create", "must be a mapping of lists")
    for key in lists:
        if key not in LISTS:
            raise ScenarioError(lists.line_of(key), f"create.{key}", "is not a list of entities")
    return entities.refused(lists) if refused else entities.documents(lists)


def _fields(kind: str, body: Any, line: int) -> dict[str, Any]:
    """The step's fields, each of its type; update and delete name their entity by its kind."""
    if not isinstance(body, Mapping):
        raise ScenarioError(line, kind, "must be a mapping")
    known = _FIELDS[kind]
    found: dict[str, Any] = {}
    for key in body:
        if kind in ("update", "delete") and key in KINDS:
            found["kind"], found["code"] = key, _typed(body, key, "text")
        elif key not in known:
            raise ScenarioError(body.line_of(key), f"{kind}.{key}", "is not a field of this step")
        else:
            found[key] = _typed(body, key, known[key][0])
    for key, (_, required) in known.items():
        if required and key not in found:
            raise ScenarioError(body.line, f"{kind}.{key}", "is required")
    if kind in ("update", "delete") and "kind" not in found:
        raise ScenarioError(body.line, kind, "must name an entity, such as `commitment: CODE`")
    if "effectiveDate" in found and found["kind"] not in DATED:
        problem = f"is for the fees of {' or '.join(DATED)}"
        raise ScenarioError(body.line_of("effectiveDate"), "update.effectiveDate", problem)
    if kind == "update":
        check_references(found["kind"], found["set"])
    if "repeat" in found:
        found["repeat"] = _repeat(found["repeat"])
    return found


def _typed(body: Mapping, key: str, wanted: str) -> Any:
    try:
        return _TYPES[wanted](body[key])
    except (ValueError, TypeError) as error:
        raise ScenarioError(body.line_of(key), key, str(error)) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def _date(value: Any) -> date:
    return read_day(_text(value))


def _instant(value: Any) -> datetime:
    """What only the story says (`repeat.until`): a day stands for its midnight, and UTC where no offset is given."""
    return instant_at(read_moment(_text(value)))


def _wire_instant(value: Any) -> datetime:
    """What the wire carries has its offset."""
    return read_instant(_text(value))


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("must be a number")
    return Decimal(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _mapping(value: Any) -> Mapping:
    if not isinstance(value, Mapping):
        raise TypeError("must be a mapping")
    return value


_TYPES: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "date": _date,
    "instant": _instant,
    "wire instant": _wire_instant,
    "number": _number,
    "flag": _flag,
    "mapping": _mapping,
}


def _repeat(body: Mapping) -> tuple[timedelta, datetime]:
    for key in body:
        if key not in ("every", "until"):
            raise ScenarioError(body.line_of(key), f"repeat.{key}", "is not a field of repeat")
    match = _REPEAT.fullmatch(str(body.get("every", "")))
    every = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < every <= _LONGEST:
        problem = f"must be such as 1d, 12h or 30m, and at most {_LONGEST.days}d"
        raise ScenarioError(body.line_of("every"), "repeat.every", problem)
    if "until" not in body:
        raise ScenarioError(body.line, "repeat.until", "is required")
    return every, _typed(body, "until", "instant")
