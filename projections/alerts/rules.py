"""The rules of an organization, sorted so that thousands cost what a few do: by what they wait for, whose it is, and
how high their thresholds are."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from events.decimals import MAX_FRACTION_DIGITS
from events.resources.notifications import AT_RISK, ENDS, LEFT, LEVELS, NotificationConfiguration
from projections.entities import Entity

#: Of these less is worse: levels and thresholds are counted downwards, so that a rule always holds from a height on.
_DOWNWARDS = {LEFT, ENDS, AT_RISK}
#: Heights are whole numbers of so many parts. A threshold has at most as many digits after its point, so it is exactly
#: one of them, and what lies between two may be rounded down.
PARTS = 10**MAX_FRACTION_DIGITS
#: The height of what has no threshold, once it is so.
SO = 0


class Rule(NamedTuple):
    """A rule that is active. `account_id`: it looks at this account's alone."""

    id: str
    event_name: str
    threshold: Decimal | None
    account_id: str | None


def rule_of(entity: Entity[NotificationConfiguration]) -> Rule:
    """A rule as it was configured last."""
    body = entity.body
    return Rule(entity.id, body.event_name, body.threshold, body.account_id)


def height_of(event_name: str, value: Decimal | int) -> int:
    """How high a value of what a rule waits for stands: the rule holds if it is not below the threshold's height."""
    numerator, denominator = value.as_integer_ratio()
    height = int(numerator * PARTS // denominator)
    return -height if event_name in _DOWNWARDS else height


def percentage(part: Decimal, whole: Decimal) -> int:
    """The height of so many hundredths."""
    (part_over, part_under), (whole_over, whole_under) = part.as_integer_ratio(), whole.as_integer_ratio()
    return int(part_over * whole_under * 100 * PARTS // (part_under * whole_over))


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rules of one name and account by the heights of their thresholds, the lowest first."""

    heights: list[int]
    rules: list[Rule]

    def reached(self, height: int) -> int:
        """How many of them, from the first on, hold at a height."""
        return bisect_right(self.heights, height)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of an organization. An object of its own for each state of the catalog."""

    ladders: Mapping[tuple[str, str | None], Ladder] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ladders)

    def of(self, event_name: str, account_id: str) -> list[Ladder]:
        """Those that look at something of this account: the organization's, and the account's own."""
        found = (self.ladders.get((event_name, whose)) for whose in (None, account_id))
        return [ladder for ladder in found if ladder is not None]


def rules_of(configured: Iterable[Entity[NotificationConfiguration]]) -> Rules:
    """The active ones."""
    found: dict[tuple[str, str | None], list[tuple[int, Rule]]] = defaultdict(list)
    for entity in configured:
        body = entity.body
        if body.is_active and body.event_name in LEVELS:
            height = SO if body.threshold is None else height_of(body.event_name, body.threshold)
            found[body.event_name, body.account_id].append((height, rule_of(entity)))
    ladders = {}
    for key, unsorted in found.items():
        heights, rules = zip(*sorted(unsorted, key=lambda pair: (pair[0], pair[1].id)), strict=True)
        ladders[key] = Ladder(list(heights), list(rules))
    return Rules(ladders)
