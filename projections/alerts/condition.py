"""The condition of a rule about events: read strictly, worked out exactly, over the fields of one event.

either   = both { "OR" both }
both     = compared { "AND" compared }
compared = sum [ ("==" | "!=" | ">=" | "<=" | ">" | "<") sum ]
sum      = product { ("+" | "-") product }
product  = signed { ("*" | "/") signed }
signed   = { "+" | "-" } primary
primary  = number | text | "true" | "false" | "null" | ("new." | "old.") field | "(" either ")"

A field that the event lacks is null. What is worked out of anything but numbers, or divided by 0, is null; null is
equal to null and neither more nor less than anything. A condition holds if its value is true.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from events.decimals import parse_decimal

#: What a condition may have: values in all, and brackets within brackets.
OPERANDS_MAX, DEPTH_MAX = 100, 20
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)|(?P<sign>==|!=|>=|<=|[-+*/()<>]))"
)
_SIDES = ("new", "old")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_WORKED: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip

Value = Fraction | str | bool | None
Fields = Callable[[str], Value]
_Node = Callable[[Fields], Value]


class ConditionError(ValueError):
    """The text is no condition; the message says where and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A condition that was read. `fields` are those that it names, as they first stand in it."""

    fields: tuple[str, ...]
    _root: _Node

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether it is true of an event, which has `new`, `old` or both: the resource as the wire shows it."""
        return self._root(lambda field: _value(event, field)) is True


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


@lru_cache(maxsize=4096)
def condition_of(text: str) -> Condition:
    """The condition that a text spells. Raises: ConditionError."""
    reader = _Reader(_tokens(text))
    root = reader.either(0)
    reader.end()
    return Condition(tuple(reader.fields), root)


def _value(event: Mapping[str, Any], field: str) -> Value:
    found: Any = event
    for name in field.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None or isinstance(found, bool):
        return found
    if isinstance(found, str):
        return found
    try:
        return Fraction(found)
    except (TypeError, ValueError):
        return None if isinstance(found, Mapping | list | tuple) else str(found)


def _tokens(text: str) -> list[_Token]:
    tokens, place = list[_Token](), 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise ConditionError(f"must not have {text[place]!r} at character {place + 1}")
        assert match.lastgroup is not None
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        place = match.end()
    tokens.append(_Token("end", "its end", len(text) + 1))
    return tokens


class _Reader:
    """Reads the grammar above from left to right, each rule a method of its name."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens, self._next, self._operands = tokens, 0, 0
        self.fields: dict[str, None] = {}

    def either(self, depth: int) -> _Node:
        parts = self._joined("OR", self._both, depth)
        return parts[0] if len(parts) == 1 else lambda fields: any(part(fields) is True for part in parts)

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("an operator or its end")

    def _both(self, depth: int) -> _Node:
        parts = self._joined("AND", self._compared, depth)
        return parts[0] if len(parts) == 1 else lambda fields: all(part(fields) is True for part in parts)

    def _joined(self, word: str, part: Callable[[int], _Node], depth: int) -> list[_Node]:
        parts = [part(depth)]
        while self._token.kind == "name" and self._token.text == word:
            self._take()
            parts.append(part(depth))
        return parts

    def _compared(self, depth: int) -> _Node:
        left = self._sum(depth)
        if self._token.text not in (*_ORDERED, "==", "!=") or self._token.kind != "sign":
            return left
        sign, right = self._take().text, self._sum(depth)
        if sign in _ORDERED:
            return lambda fields: _is_ordered(_ORDERED[sign], left(fields), right(fields))
        return lambda fields: _is_equal(left(fields), right(fields)) == (sign == "==")

    def _sum(self, depth: int) -> _Node:
        return self._chain("+-", self._product, depth)

    def _product(self, depth: int) -> _Node:
        return self._chain("*/", self._signed, depth)

    def _chain(self, signs: str, part: Callable[[int], _Node], depth: int) -> _Node:
        worked = part(depth)
        while self._token.kind == "sign" and self._token.text in tuple(signs):
            worked = _both_numbers(_WORKED[self._take().text], worked, part(depth))
        return worked

    def _signed(self, depth: int) -> _Node:
        negative = False
        while self._token.kind == "sign" and self._token.text in ("+", "-"):
            negative ^= self._take().text == "-"
        primary = self._primary(depth)
        return _both_numbers(operator.sub, lambda _: Fraction(0), primary) if negative else primary

    def _primary(self, depth: int) -> _Node:
        token = self._token
        if token.text == "(" and token.kind == "sign":
            if depth == DEPTH_MAX:
                raise ConditionError(f"must have at most {DEPTH_MAX} brackets within each other")
            self._take()
            inner = self.either(depth + 1)
            if self._token.text != ")":
                raise self._unexpected(")")
            self._take()
            return inner
        self._operands += 1
        if self._operands > OPERANDS_MAX:
            raise ConditionError(f"must have at most {OPERANDS_MAX} values")
        value = self._value(token)
        self._take()
        return value

    def _value(self, token: _Token) -> _Node:
        if token.kind == "number":
            try:
                number = Fraction(parse_decimal(token.text))
            except ValueError as error:
                raise ConditionError(f"has a number at character {token.place} that {error}") from None
            return lambda _: number
        if token.kind == "text":
            return lambda _: token.text[1:-1]
        if token.kind == "name" and token.text in _WORDS:
            return lambda _: _WORDS[token.text]
        side, _, field = token.text.partition(".")
        if token.kind == "name" and side in _SIDES and field:
            self.fields[token.text] = None
            return lambda fields: fields(token.text)
        raise self._unexpected("a number, a text, new.<field>, old.<field>, true, false, null or (")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _unexpected(self, wanted: str) -> ConditionError:
        token = self._token
        what = token.text if token.kind == "end" else repr(token.text)
        return ConditionError(f"has {what} at character {token.place}, where {wanted} is expected")


def _both_numbers(work: Callable[[Fraction, Fraction], Fraction], left: _Node, right: _Node) -> _Node:
    def worked(fields: Fields) -> Value:
        one, other = left(fields), right(fields)
        if not isinstance(one, Fraction) or not isinstance(other, Fraction):
            return None
        return None if work is operator.truediv and not other else work(one, other)

    return worked


def _is_ordered(by: Callable[[Any, Any], bool], left: Value, right: Value) -> bool:
    is_same = isinstance(left, Fraction | str) and type(left) is type(right)
    return is_same and by(left, right)


def _is_equal(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right
