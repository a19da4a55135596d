"""YAML that remembers its lines and its numbers' text: what a person wrote is what is played, to the last digit."""

from decimal import Decimal, InvalidOperation
from typing import Any

import yaml


class ScenarioError(Exception):
    """A scenario file is wrong: the message names the file's line and the field."""

    def __init__(self, line: int, field: str, problem: str) -> None:
        self.line, self.field, self.problem = line, field, problem
        super().__init__(f"line {line}: {field}: {problem}")


class Mapping(dict[str, Any]):
    """A mapping that knows the line it starts on and the line of each of its keys."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """The line of a key; of the mapping, for a key that it has not."""
        return self.lines.get(key, self.line)


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps (they stay text) and with exact numbers."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """The document: mappings as `Mapping`, fractions as Decimal, dates as text. Raises: ScenarioError."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _build(loader, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(line, "YAML", error.problem or "cannot be read") from error
    except yaml.YAMLError as error:
        raise ScenarioError(1, "YAML", str(error)) from error
    finally:
        loader.dispose()


def _build(loader: _Loader, node: yaml.Node) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        return _mapping(loader, node, line)
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item) for item in node.value]
    if node.tag == "tag:yaml.org,2002:float":
        return _number(str(node.value), line)
    return loader.construct_object(node, deep=True)


def _mapping(loader: _Loader, node: yaml.MappingNode, line: int) -> Mapping:
    found = Mapping(line)
    for key_node, value_node in node.value:
        at = key_node.start_mark.line + 1
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise ScenarioError(at, str(key), "names of fields must be text")
        if key in found:
            raise ScenarioError(at, key, "stands twice in one mapping")
        found[key] = _build(loader, value_node)
        found.lines[key] = at
    return found


def _number(text: str, line: int) -> Decimal:
    try:
        number = Decimal(text.replace("_", ""))
    except InvalidOperation as error:
        raise ScenarioError(line, text, "is not a plain number") from error
    if not number.is_finite():
        raise ScenarioError(line, text, "must be a finite number")
    return number
