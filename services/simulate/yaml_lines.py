"""Reads YAML, keeping the line of each field and the exact text of each number, so that a story is played to the last
digit as it was written.
"""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

#: Deepest nesting: more than any story needs, and far below the limits of Python's stack and of the API's reader.
DEEPEST = 50
#: Most values in a file. A value counts wherever an alias puts it: a few lines of nested aliases could make billions.
MOST_VALUES = 200_000
#: Most digits of a number before and after the point; the product's own limits are narrower.
DIGITS = 100
_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?")
_UNENCODABLE = re.compile("[\0\ud800-\udfff]")
#: Characters for which libyaml and PyYAML differ in what they accept or how they refuse; such texts are left to PyYAML.
_DISPUTED = re.compile("[\t?!\ufeff]")


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
        """The line of a key; for a missing key, the line of the mapping."""
        return self.lines.get(key, self.line)

    def beside(self, key: str, value: Any) -> "Mapping":
        """A copy with one more key, which has no line of its own; an existing key keeps its value."""
        mapping = Mapping(self.line)
        mapping.update({key: value, **self})
        mapping.lines = self.lines
        return mapping


class _Bounded(Composer, Resolver):
    """Reads only null, true, false and JSON's numbers as values besides text, and limits nesting.

    Other readings of YAML 1.1 surprise people, such as those of `no`, `on` and dates: these stay text. Subclasses parse
    the text into events.
    """

    def __init__(self) -> None:
        Composer.__init__(self)
        Resolver.__init__(self)
        #: The anchors of the nodes that are being read, None for a node without one; and the depth of each node so far.
        self._open: list[str | None] = []
        self._depths: list[int] = [0]
        self._values = 0
        #: For each anchor: how many values its node holds, with itself, and its depth.
        self._sizes: dict[str, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node. Raises: ScenarioError for too many values, too deep nesting, and a node inside itself."""
        event = self.peek_event()  # type: ignore[attr-defined]
        anchor = getattr(event, "anchor", None)
        line, is_alias = event.start_mark.line + 1, isinstance(event, yaml.AliasEvent)
        if is_alias and anchor in self._open:
            raise ScenarioError(line, f"*{anchor}", "stands inside itself")
        # An alias counts as its node; an unknown anchor is refused below.
        values, depth = self._sizes.get(anchor or "", (1, 1)) if is_alias else (1, 1)
        self._check(line, values, depth)
        before = self._values
        self._values += values
        self._open.append(anchor)
        self._depths.append(depth - 1)
        try:
            return super().compose_node(parent, index)
        finally:
            self._open.pop()
            depth = self._depths.pop() + 1
            self._depths[-1] = max(self._depths[-1], depth)
            if anchor is not None:
                self._sizes[anchor] = self._values - before, depth

    def _check(self, line: int, values: int, depth: int) -> None:
        if len(self._open) + depth > DEEPEST:
            raise ScenarioError(line, "YAML", f"is nested more than {DEEPEST} deep")
        if self._values + values > MOST_VALUES:
            raise ScenarioError(line, "YAML", f"holds more than {MOST_VALUES:,} values, those behind aliases counted")


_Bounded.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.removeprefix(_TAG) in ("null", "int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TRUTH = {
    spelt: value for word, value in (("true", True), ("false", False)) for spelt in (word, word.title(), word.upper())
}
_Bounded.add_implicit_resolver(f"{_TAG}bool", re.compile(f"(?:{'|'.join(_TRUTH)})$"), list("tTfF"))
# YAML 1.1 takes 1e5 for text; JSON takes it for a number.
_Bounded.add_implicit_resolver(f"{_TAG}float", re.compile(f"(?:{_NUMBER.pattern})$"), list("-0123456789"))


class _Loader(_Bounded, yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser, whose messages are shown."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        _Bounded.__init__(self)


if TYPE_CHECKING or not yaml.__with_libyaml__:
    _Quick = _Loader
else:

    class _Quick(_Bounded, yaml.cyaml.CParser):
        """libyaml's parser, which takes a fifth of the time."""

        def __init__(self, text: str) -> None:
            yaml.cyaml.CParser.__init__(self, text)
            _Bounded.__init__(self)


def decode_yaml(content: bytes) -> Any:
    """The document in a file's content, as `load_yaml` gives it. Raises: ScenarioError."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError(line, "YAML", f"the byte 0x{content[error.start]:02x} is not UTF-8") from error
    return load_yaml(text)


def load_yaml(text: str) -> Any:
    """The document: mappings as `Mapping`, fractions as Decimal, dates as text. Raises: ScenarioError."""
    node = _judged(text) if _DISPUTED.search(text) else _quickly(text)
    return None if node is None else _build(node)


def _quickly(text: str) -> yaml.Node | None:
    try:
        return _Quick(text).get_single_node()
    except (yaml.YAMLError, ValueError):
        return _judged(text)


def _judged(text: str) -> yaml.Node | None:
    """The root node by PyYAML's parser. Raises: ScenarioError."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error) from error
    try:
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(line, "YAML", error.problem or "cannot be read") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # For example "\UFFFFFFFF", which the scanner turns into a character without checking it.
        raise ScenarioError(loader.line + 1, "YAML", f"cannot be read: {error}") from error


def _unreadable(text: str, error: yaml.reader.ReaderError) -> ScenarioError:
    line = text.count("\n", 0, error.position) + 1
    return ScenarioError(line, "YAML", f"the character U+{ord(text[error.position]):04X} may not stand in a file")


def _build(node: yaml.Node) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, line)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item) for item in node.value]
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
        case "bool" if text in _TRUTH:
            return _TRUTH[text]
        case "null":
            return None
        case other:
            raise ScenarioError(line, text, f"is not a text, number, true, false or null, but {other}")


def _mapping(node: yaml.MappingNode, line: int) -> Mapping:
    mapping = Mapping(line)
    for key_node, value_node in node.value:
        at = key_node.start_mark.line + 1
        key = _build(key_node)
        if not isinstance(key, str):
            raise ScenarioError(at, str(key), "names of fields must be text")
        if key == "<<":
            raise ScenarioError(at, key, "no mapping is merged into another; write its fields")
        if key in mapping:
            raise ScenarioError(at, key, "stands twice in one mapping")
        mapping[key] = _build(value_node)
        mapping.lines[key] = at
    return mapping


def _number(text: str, line: int) -> int | Decimal:
    """The number in a text, as JSON reads it: YAML 1.1 reads 0100 as 64 and 1:30 as 90, which nobody means in a
    bill.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ScenarioError(line, text, "is not a plain number such as 100 or 0.5; put a text in quotes")
    number = Decimal(text)
    if len(text) > DIGITS or abs(number.adjusted()) > DIGITS:
        shown = text if len(text) <= DIGITS else f"{text[:10]}..."
        raise ScenarioError(line, shown, f"must be a number of at most {DIGITS} digits")
    return number if match[1] or match[2] else int(text)
