"""A story's fields about the whole organization: its configuration, and the texts of its statements."""

from typing import Any

from services.commands.kind import ANSWERED
from services.simulate.values import typed
from services.simulate.yaml_lines import Mapping, ScenarioError


def organization_of(document: Mapping) -> dict[str, Any]:
    """The organization's configuration in the file, empty if there is none. Refused are the clock, which the story
    moves, and members that only answers have.

    Raises: ScenarioError.
    """
    if document.get("organization") is None:
        return {}
    fields: Mapping = typed(document, "organization", "mapping")
    for name in fields:
        if name in ANSWERED or name == "testClock":
            raise ScenarioError(fields.line_of(name), f"organization.{name}", "is not for a story to say")
        if (name, fields[name]) == ("usageBeforeAccount", "CREATE"):
            raise ScenarioError(fields.line_of(name), f"organization.{name}", "CREATE is not for a story")
    return dict(fields)


def statements_of(document: Mapping) -> Mapping | None:
    """The fields of statementConfig in the file; None without any. Raises: ScenarioError."""
    if "statementConfig" not in document:
        return None
    fields: Mapping = typed(document, "statementConfig", "mapping")
    for name in fields:
        if name in ANSWERED:
            raise ScenarioError(fields.line_of(name), f"statementConfig.{name}", "is not for a story to say")
    return fields
