"""Reads a scenario file as a story: organization, entities and steps, checked field by field (docs/scenarios.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.commands.catalog_rules import DATED
from services.commands.schedule_rules import SCHEDULES
from services.commands.table import KINDS
from services.simulate.configured import organization_of, statements_of
from services.simulate.entities import LISTS, Entities, check_fields, earliest_date
from services.simulate.naming import NUMBERS, TEXTS
from services.simulate.player import WrittenEntity
from services.simulate.values import typed
from services.simulate.yaml_lines import Mapping, ScenarioError, decode_yaml

_MAPS: dict[str, tuple[str, bool]] = {
    **{category: ("mapping", False) for category in NUMBERS},
    **{category: ("texts", False) for category in TEXTS},
}
_ON_A_DAY: dict[str, tuple[str, bool]] = {"amount": ("number", True), "date": ("date", True)}
#: The fields of each kind of step that has a mapping: field -> (type, required).
_FIELDS: dict[str, dict[str, tuple[str, bool]]] = {
    "usage": {
        "account": ("text", True),
        "meter": ("text", True),
        "ts": ("wire instant", True),
        "uid": ("text", False),
        "ets": ("wire instant", False),
        "repeat": ("mapping", False),
        **_MAPS,
    },
    "void": {"account": ("text", True), "uid": ("text", True)},
    "amend": {"account": ("text", True), "uid": ("text", True), **_MAPS},
    "bill": {"date": ("bill date", True), "account": ("text", False)},
    "forget": {"account": ("text", True)},
    "preview": {"date": ("bill date", True), "account": ("text", True)},
    "unbilled": {"account": ("text", True), "date": ("date", True)},
    "update": {"set": ("mapping", True), "effectiveDate": ("date", False)},
    "delete": {"force": ("flag", False), "effectiveDate": ("date", False)},
    "topUp": {**_ON_A_DAY, "commitment": ("text", True), "recurring": ("flag", False)},
    "cancel": {"commitment": ("text", True), "date": ("date", True), "policy": ("text", False)},
    "adjustment": {
        "account": ("text", True),
        "counter": ("text", True),
        "date": ("date", True),
        "value": ("number", True),
    },
    "transaction": {**_ON_A_DAY, "balance": ("text", True)},
    "approve": {"account": ("text", True)},
    "automatic": {"rule": ("text", True)},
    "alerts": {"rule": ("text", True)},
    "held": {},
    "journal": {"date": ("date", True), "chart": ("mapping", False)},
    "create": {},
    "commitment": {},
    "account": {},
}
_REPEAT = re.compile(r"([0-9]{1,8})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: The longest interval of repeated usage: stories span years, and dates end at 9999.
_LONGEST = timedelta(days=366)
#: Most records of usage in a story: one for each minute of four months, or for each second of two days.
MOST_RECORDS = 200_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `fields` are checked and converted; for `create`, `documents` are the entities to create."""

    index: int
    kind: str
    line: int
    fields: dict[str, Any]
    expect: Any
    expect_error: str | None
    documents: tuple[WrittenEntity, ...] = ()


def read_step(index: int, step: Any, line: int, entities: Entities) -> Step:
    """The step at this place of the list. Raises: ScenarioError."""
    if not isinstance(step, Mapping):
        raise ScenarioError(line, f"steps[{index}]", "must be a mapping")
    kinds = [key for key in step if key in _FIELDS]
    if len(kinds) != 1:
        raise ScenarioError(step.line, f"steps[{index}]", f"must name one kind of step of {', '.join(sorted(_FIELDS))}")
    [kind] = kinds
    for key in step:
        if key not in (kind, "expect", "expectError"):
            raise ScenarioError(step.line_of(key), key, "is not a field of a step")
    expect, error = _expected(step)
    documents: tuple[WrittenEntity, ...] = ()
    if kind == "create":
        documents = tuple(_created(step, entities, refused=error is not None))
        fields: dict[str, Any] = {}
    elif kind in ("commitment", "account"):
        fields = {kind: typed(step, kind, "text")}
    else:
        fields = _fields(kind, step[kind], step.line)
    return Step(index, kind, step.line, fields, expect, error, documents)


def _expected(step: Mapping) -> tuple[Any, str | None]:
    """The expected result of the step, and the expected text of its refusal. Raises: ScenarioError."""
    if "expect" in step and step["expect"] is None:
        raise ScenarioError(step.line_of("expect"), "expect", "must say something; `expect: []` is no bill")
    if "expect" in step and "expectError" in step:
        raise ScenarioError(step.line_of("expect"), "expect", "does not go with expectError")
    return step.get("expect"), typed(step, "expectError", "text") if "expectError" in step else None


def check_records(steps: Sequence[Step]) -> None:
    """Check that the story has no more usage than can be played. Raises: ScenarioError, at the step that exceeds the
    limit.
    """
    count = 0
    for step in steps:
        if step.kind == "usage":
            every, until = step.fields.get("repeat", (None, None))
            count += max(1, -((step.fields["ts"] - until) // every)) if every else 1
        if count > MOST_RECORDS:
            what = f"brings the story's usage to {count:,} records, of which at most {MOST_RECORDS:,} are played"
            raise ScenarioError(step.line, f"steps[{step.index}]", what)


def _created(step: Mapping, entities: Entities, *, refused: bool) -> list[WrittenEntity]:
    lists = step["create"]
    if not isinstance(lists, Mapping):
        raise ScenarioError(step.line, "create", "must be a mapping of lists")
    for key in lists:
        if key not in LISTS:
            raise ScenarioError(lists.line_of(key), f"create.{key}", "is not a list of entities")
    return entities.refused(lists) if refused else entities.documents(lists)


def _fields(kind: str, body: Any, line: int) -> dict[str, Any]:
    """The step's fields, converted to their types; update and delete name their entity by its kind. Raises:
    ScenarioError.
    """
    if not isinstance(body, Mapping):
        raise ScenarioError(line, kind, "must be a mapping")
    known = _FIELDS[kind]
    fields: dict[str, Any] = _entity(kind, body) if kind in ("update", "delete") else {}
    for key in body:
        if key in known:
            fields[key] = typed(body, key, known[key][0])
        elif key != fields.get("kind"):
            raise ScenarioError(body.line_of(key), f"{kind}.{key}", "is not a field of this step")
    for key, (_, required) in known.items():
        if required and key not in fields:
            raise ScenarioError(body.line, f"{kind}.{key}", "is required")
    if "effectiveDate" in fields:
        _check_effective(kind, body, fields["kind"])
    if kind == "update":
        _check_update(body, fields)
    if "repeat" in fields:
        fields["repeat"] = _repeat(fields["repeat"], fields["ts"])
    return fields


def _entity(kind: str, body: Mapping) -> dict[str, Any]:
    """The kind and code of the one entity that an update or delete names. Raises: ScenarioError."""
    named = [key for key in body if key in KINDS]
    if not named:
        raise ScenarioError(body.line, kind, "must name an entity, such as `commitment: CODE`")
    if len(named) > 1:
        raise ScenarioError(body.line_of(named[1]), f"{kind}.{named[1]}", f"is one entity too many beside {named[0]}")
    return {"kind": named[0], "code": typed(body, named[0], "text")}


def _check_effective(step: str, body: Mapping, kind: str) -> None:
    """Check that `effectiveDate` is allowed: only for fees of plans and terms of schedules. Raises: ScenarioError."""
    dated = (*DATED, *SCHEDULES) if step == "update" else SCHEDULES
    if kind not in dated:
        of_kinds = f"the fees of {' or '.join(DATED)}, or for {' or '.join(SCHEDULES)}"
        problem = f"is for {of_kinds if step == 'update' else ' or '.join(SCHEDULES)}"
        raise ScenarioError(body.line_of("effectiveDate"), f"{step}.effectiveDate", problem)


def _check_update(body: Mapping, fields_given: dict[str, Any]) -> None:
    kind, fields = fields_given["kind"], fields_given["set"]
    if "effectiveDate" in fields:
        raise ScenarioError(fields.line_of("effectiveDate"), "set.effectiveDate", "stands beside `set`, not in it")
    check_fields(kind, fields)


def _repeat(body: Mapping, first: datetime) -> tuple[timedelta, datetime]:
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
    until = typed(body, "until", "instant")
    if until <= first:
        raise ScenarioError(body.line_of("until"), "repeat.until", "must be after ts")
    return every, until


@dataclass(frozen=True, slots=True)
class Story:
    """A whole scenario: `documents` are the entities to create before the steps; `earliest` is the earliest date in the
    file.
    """

    title: str
    organization: dict[str, Any]
    documents: tuple[WrittenEntity, ...]
    steps: tuple[Step, ...]
    earliest: date
    statements: Mapping | None = None


def read_story(content: bytes) -> Story:
    """The story in a scenario file. Raises: ScenarioError."""
    return parse_story(decode_yaml(content))


def parse_story(document: Any) -> Story:
    """The story in a loaded document. Raises: ScenarioError."""
    if not isinstance(document, Mapping):
        raise ScenarioError(1, "scenario", "the file must be a mapping")
    known = {"scenario", "source", "organization", "statementConfig", "steps", *LISTS}
    for key in document:
        if key not in known:
            raise ScenarioError(document.line_of(key), key, "is not a field of a scenario")
    title = typed(document, "scenario", "text") if "scenario" in document else ""
    organization = organization_of(document)
    earliest = earliest_date(document) or date(2026, 1, 1)
    entities = Entities(str(organization.get("currency", "USD")), earliest)
    documents = tuple(entities.documents(document))
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError(document.line_of("steps"), "steps", "must be a list of steps")
    played = tuple(read_step(index, step, document.line_of("steps"), entities) for index, step in enumerate(steps))
    check_records(played)
    return Story(title, organization, documents, played, earliest, statements_of(document))
