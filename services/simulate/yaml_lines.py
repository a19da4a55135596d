"""YAML that remembers its lines and its numbers' text: what a person wrote is what is played, to the last digit."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

#: More than any story needs, and far less than what Python's stack or the wire's reader holds.
DEEPEST = 50
#: Digits before and after the point that a number may have; the product's own bounds are narrower.
DIGITS = 100
_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?")
_UNENCODABLE = re.compile("[\0\ud800-\udfff]")


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
    """SafeLoader without timestamps (they stay text), with JSON's numbers, and with an end to nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        #: The anchors, None where there is none, of the nodes that are being read.
        self._open: list[str | None] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node. Raises: ScenarioError for one that is nested too deeply or in itself."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        line = event.start_mark.line + 1
        if self.check_event(yaml.AliasEvent) and anchor in self._open:
            raise ScenarioError(line, f"*{anchor}", "stands inside itself")
        if len(self._open) == DEEPEST:
            raise ScenarioError(line, "YAML", f"is nested more than {DEEPEST} deep")
        self._open.append(anchor)
        try:
            return super().compose_node(parent, index)
        finally:
            self._open.pop()


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# YAML 1.1 takes 1e5 for a text; JSON does not.
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(f"(?:{_NUMBER.pattern})$"), list("-0123456789"))


def read_yaml(path: Path) -> Any:
    """The document of a file, as `load_yaml` has it. Raises: ScenarioError, OSError."""
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError(line, "YAML", f"the byte 0x{content[error.start]:02x} is not UTF-8") from error
    return load_yaml(text)


def load_yaml(text: str) -> Any:
    """The document: mappings as `Mapping`, fractions as Decimal, dates as text. Raises: ScenarioError."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error) from error
    try:
        node = loader.get_single_node()
        return None if node is None else _build(loader, node)
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(line, "YAML", error.problem or "cannot be read") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Such as "\UFFFFFFFF", of which the scanner makes a character without a look.
        raise ScenarioError(loader.line + 1, "YAML", f"cannot be read: {error}") from error
    finally:
        loader.dispose()


def _unreadable(text: str, error: yaml.reader.ReaderError) -> ScenarioError:
    line = text.count("\n", 0, error.position) + 1
    return ScenarioError(line, "YAML", f"the character U+{ord(text[error.position]):04X} may not stand in a file")


def _build(loader: _Loader, node: yaml.Node) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        return _mapping(loader, node, line)
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item) for item in node.value]
    return _scalar(node, line)


def _scalar(node: yaml.Node, line: int) -> Any:
    text = str(node.value)
    if bad := _UNENCODABLE.search(text):
        raise ScenarioError(line, "YAML", f"the character U+{ord(bad[0]):04X} may not stand in a text")
    match node.tag.removeprefix(_TAG):
        case "str":
            return text
        case "int" | "float":
            return _number(text, line)
        case "bool" if text.lower() in _Loader.bool_values:
            return _Loader.bool_values[text.lower()]
        case "null":
            return None
        case other:
            raise ScenarioError(line, text, f"is not a text, number, true, false or null, but {other}")


def _mapping(loader: _Loader, node: yaml.MappingNode, line: int) -> Mapping:
    found = Mapping(line)
    for key_node, value_node in node.value:
        at = key_node.start_mark.line + 1
        key = _build(loader, key_node)
        if not isinstance(key, str):
            raise ScenarioError(at, str(key), "names of fields must be text")
        if key in found:
            raise ScenarioError(at, key, "stands twice in one mapping")
        found[key] = _build(loader, value_node)
        found.lines[key] = at
    return found


def _number(text: str, line: int) -> int | Decimal:
    """JSON's numbers alone: YAML 1.1 reads 0100 as 64 and 1:30 as 90, which nobody means who writes a bill."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ScenarioError(line, text, "is not a plain number such as 100 or 0.5; put a text in quotes")
    number = Decimal(text)
    if len(text) > DIGITS or abs(number.adjusted()) > DIGITS:
        shown = text if len(text) <= DIGITS else f"{text[:10]}..."
        raise ScenarioError(line, shown, f"must be a number of at most {DIGITS} digits")
    return number if match[1] or match[2] else int(text)
