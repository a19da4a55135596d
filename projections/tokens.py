"""The tokenizer shared by the parsers of formulas and of conditions, and the functions that both can call."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from events.decimals import parse_decimal

#: Limits of a text: operands, and depth of brackets.
OPERANDS_MAX, DEPTH_MAX = 100, 20


#: The type of a function's values and results, and the type of a parsed part of the text.
Value = TypeVar("Value")
Node = TypeVar("Node")


class Token(NamedTuple):
    """A part of a text: its group in the pattern, or `end`; its first `character` is counted from 1."""

    kind: str
    text: str
    character: int


class Function(NamedTuple, Generic[Value]):
    """A function that a text may call, with `least` to `most` values; `most` None: any number."""

    least: int
    most: int | None
    of: Callable[[Sequence[Value]], Value]

    def fits(self, count: int) -> bool:
        """Whether the function takes this many values."""
        return count >= self.least and (self.most is None or count <= self.most)

    @property
    def needed(self) -> str:
        """The number of values it takes, in words."""
        if self.most is None:
            return "two values or more"
        return {(1, 1): "one value", (1, 2): "one value or two", (2, 2): "two values"}[self.least, self.most]


class Tokens:
    """The tokens of a text, by the groups of a pattern, with a cursor on the next token.

    A parser of a grammar inherits from it. `refusal` is the error for an invalid text, and `operands` the name for
    operands in that error.
    """

    refusal: type[ValueError]
    operands: str

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._tokens, self._next, self._counted = list[Token](), 0, 0
        position = 0
        while text[position:].strip():
            match = pattern.match(text, position)
            if match is None:
                position += len(text[position:]) - len(text[position:].lstrip())
                raise self.refusal(f"must not have {text[position]!r} at character {position + 1}")
            assert match.lastgroup is not None
            self._tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
            position = match.end()
        self._tokens.append(Token("end", "its end", len(text) + 1))

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._next]

    def is_sign(self, *signs: str) -> bool:
        """Whether the next token is one of these signs."""
        return self.token.kind == "sign" and self.token.text in signs

    def take(self) -> Token:
        """Return the next token and move past it."""
        self._next += 1
        return self._tokens[self._next - 1]

    def expect(self, sign: str) -> None:
        """Move past this sign. Raises: refusal."""
        if not self.is_sign(sign):
            raise self.unexpected(sign)
        self.take()

    def end(self) -> None:
        """Check that no token is left. Raises: refusal."""
        if self.token.kind != "end":
            raise self.unexpected("an operator or its end")

    def is_negated(self) -> bool:
        """Move past all signs before an operand; returns whether they negate it."""
        negative = False
        while self.is_sign("+", "-"):
            negative ^= self.take().text == "-"
        return negative

    def number(self) -> Fraction:
        """Move past a number. Raises: refusal."""
        token = self.take()
        try:
            return Fraction(parse_decimal(token.text))
        except ValueError as error:
            raise self.refusal(f"has a number at character {token.character} that {error}") from None

    def count(self) -> None:
        """Count one more operand. Raises: refusal."""
        self._counted += 1
        if self._counted > OPERANDS_MAX:
            raise self.refusal(f"must have at most {OPERANDS_MAX} {self.operands}")

    def deeper(self, depth: int) -> int:
        """Enter brackets. Raises: refusal."""
        if depth == DEPTH_MAX:
            raise self.refusal(f"must have at most {DEPTH_MAX} brackets within each other")
        return depth + 1

    def arguments(self, function: Function[Any], part: Callable[[int], Node], depth: int) -> list[Node]:
        """Move past the function's name and its arguments in brackets, each parsed by `part`. Raises: refusal."""
        name = self.take()
        self.expect("(")
        arguments = [part(depth)]
        while self.is_sign(","):
            self.take()
            arguments.append(part(depth))
        self.expect(")")
        if not function.fits(len(arguments)):
            raise self.refusal(f"must give {name.text} at character {name.character} {function.needed}")
        return arguments

    def unexpected(self, wanted: str) -> ValueError:
        """The error for an unexpected token."""
        token = self.token
        what = token.text if token.kind == "end" else repr(token.text)
        return self.refusal(f"has {what} at character {token.character}, where {wanted} is expected")
