"""A scenario file as a story: organization, entities and steps (docs/scenarios.md)."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from services.commands.table import ANSWERED
from services.simulate.entities import LISTS, Entities, earliest_date
from services.simulate.player import Document
from services.simulate.steps import Step, check_records, read_step
from services.simulate.values import typed
from services.simulate.yaml_lines import Mapping, ScenarioError, decode_yaml


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
    return parse_story(decode_yaml(path.read_bytes()))


def parse_story(document: Any) -> Story:
    """A story of a loaded document. Raises: ScenarioError."""
    if not isinstance(document, Mapping):
        raise ScenarioError(1, "scenario", "the file must be a mapping")
    known = {"scenario", "source", "organization", "steps", *LISTS}
    for key in document:
        if key not in known:
            raise ScenarioError(document.line_of(key), key, "is not a field of a scenario")
    title = typed(document, "scenario", "text") if "scenario" in document else ""
    organization = _organization(document)
    earliest = earliest_date(document) or date(2026, 1, 1)
    entities = Entities(str(organization.get("currency", "USD")), earliest)
    documents = tuple(entities.documents(document))
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError(document.line_of("steps"), "steps", "must be a list of steps")
    played = tuple(read_step(index, step, document.line_of("steps"), entities) for index, step in enumerate(steps))
    check_records(played)
    return Story(title, organization, documents, played, earliest)


def _organization(document: Mapping) -> dict[str, Any]:
    """The organization's own fields; its clock is the story's, and what only answers have is none of them."""
    if document.get("organization") is None:
        return {}
    fields: Mapping = typed(document, "organization", "mapping")
    for name in fields:
        if name in ANSWERED or name == "testClock":
            raise ScenarioError(fields.line_of(name), f"organization.{name}", "is not for a story to say")
    return dict(fields)
