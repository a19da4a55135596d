"""Small words over hypothesis' draw, and scenarios as YAML text."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

T = TypeVar("T")
FIRST = date(2026, 1, 1)


class Choices:
    """What a generated story is made with; everything shrinks towards the first, the smallest, the absent."""

    def __init__(self, number: Callable[[int, int], int]) -> None:
        self.number = number
        self.decimals = 2

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def chance(self, one_in: int) -> bool:
        return self.number(1, one_in) == one_in

    def some(self, options: Sequence[T]) -> list[T]:
        return [option for option in options if self.chance(2)]

    def money(self, low: int, high: int) -> Decimal:
        """Mostly round, sometimes to the minor unit."""
        whole = Decimal(self.number(low, high))
        if self.decimals and self.chance(4):
            whole += Decimal(self.number(1, 10**self.decimals - 1)).scaleb(-self.decimals)
        return whole

    def price(self) -> Decimal:
        return Decimal(self.pick(["1", "2", "0.5", "0.25", "0.333", "0.015", "3.7", "0"]))

    def day(self, low: int, high: int) -> date:
        """Days from 2026-01-01; month starts come often."""
        if self.chance(2):
            first, last = FIRST + timedelta(days=low), FIRST + timedelta(days=high)
            starts = [date(2025 + m // 12, m % 12 + 1, 1) for m in range(36)]
            inside = [d for d in starts if first <= d <= last]
            if inside:
                return self.pick(inside)
        return FIRST + timedelta(days=self.number(low, high))

    def stamp(self, low: int, high: int, minutes: int) -> "Stamp":
        """The minutes keep times apart, so that the latest record is always one."""
        hours = self.pick([12, 0, 3, 23, 11])
        at = datetime(2026, 1, 1) + timedelta(days=self.number(low, high), hours=hours, minutes=minutes)
        return Stamp(at.strftime("%Y-%m-%dT%H:%M:%SZ"))


class Stamp(str):
    """A time that stands unquoted in YAML."""


if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeDumper
else:
    from yaml import CSafeDumper as SafeDumper


class _Dumper(SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plain(tag: str) -> Callable[[yaml.SafeDumper, Any], yaml.ScalarNode]:
    return lambda dumper, value: dumper.represent_scalar(f"tag:yaml.org,2002:{tag}", f"{value}")


_Dumper.add_representer(
    Decimal, lambda d, v: d.represent_scalar(f"tag:yaml.org,2002:{'int' if v == int(v) else 'float'}", f"{v:f}")
)
_Dumper.add_representer(Stamp, _plain("timestamp"))


def as_yaml(scenario: dict[str, Any]) -> str:
    return str(yaml.dump(scenario, Dumper=_Dumper, sort_keys=False, width=200))
