"""What is absent stays absent."""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def only_given(members: Mapping[Key, Value | None]) -> dict[Key, Value]:
    """The members that have a value, in their order."""
    return {name: value for name, value in members.items() if value is not None}
