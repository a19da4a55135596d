"""What a story says of its organization as a whole: how it is configured, and what stands on its statements."""

from typing import Any

from services.commands.kind import ANSWERED
from services.simulate.values import typed
from services.simulate.yaml_lines import Mapping, ScenarioError


def organization_of(document: Mapping) -> dict[str, Any]:
    """The fields of the organization that a file may give: neither its clock, which is the story's, nor what only
    answers have. Raises: ScenarioError."""
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
    """The fields of statementConfig, if the file has it. Raises: ScenarioError."""
    if "statementConfig" not in document:
        return None
    fields: Mapping = typed(document, "statementConfig", "mapping")
    for name in fields:
        if name in ANSWERED:
            raise ScenarioError(fields.line_of(name), f"statementConfig.{name}", "is not for a story to say")
    return fields
