"""The rules of an organization, indexed by event name, account and threshold, so that thousands cost as little as a
few.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from events.decimals import MAX_FRACTION_DIGITS, plain
from events.resources.automation import BILL, TOP_UP, AutomaticTopUp, ThresholdBilling
from events.resources.notifications import AT_RISK, ENDS, LEFT, LEVELS, NotificationConfiguration
from projections.entities import Entity

#: For these names, lower is worse: levels and thresholds are negated, so that a rule always holds from a height on.
_DOWNWARDS = {LEFT, ENDS, AT_RISK, TOP_UP}
#: Heights are whole numbers of this many parts. Thresholds have no more digits after the point, so each is exactly a
#: height, and values between two heights may be rounded down.
PARTS = 10**MAX_FRACTION_DIGITS
#: The height of a level without threshold, once it is reached.
SO = 0


class Rule(NamedTuple):
    """An active rule.

    `whose`: the rule looks only at this account; an automatic rule at its commitment or balance, or at its account in a
    currency. `terms`: the act of an automatic rule; with other terms it is another rule.
    """

    id: str
    event_name: str
    threshold: Decimal | None
    whose: str | None
    terms: str = ""


def rule_of(entity: Entity[NotificationConfiguration]) -> Rule:
    """A rule with its latest configuration."""
    body = entity.body
    return Rule(entity.id, body.event_name, body.threshold, body.account_id)


def top_up_rule(entity: Entity[AutomaticTopUp]) -> Rule:
    """An automatic top-up with its latest configuration."""
    body = entity.body
    bounds = (body.max_times, body.max_amount)
    terms = [plain(body.amount.normalize()), body.currency, *("-" if bound is None else str(bound) for bound in bounds)]
    return Rule(entity.id, TOP_UP, body.threshold, body.subject_id, "/".join(terms))


def billing_rule(entity: Entity[ThresholdBilling]) -> Rule:
    """Threshold billing with its latest configuration."""
    body = entity.body
    return Rule(entity.id, BILL, body.threshold, account_in(body.account_id, body.currency), body.currency)


def account_in(account_id: str, currency: str) -> str:
    """The subject of threshold billing: an account in a currency."""
    return f"{account_id}/{currency}"


def height_of(event_name: str, value: Decimal | int) -> int:
    """The height of a value: the rule holds if it is not below the threshold's height."""
    numerator, denominator = value.as_integer_ratio()
    height = int(numerator * PARTS // denominator)
    return -height if event_name in _DOWNWARDS else height


def percentage(part: Decimal, whole: Decimal) -> int:
    """The height of `part` as a percentage of `whole`."""
    (part_over, part_under), (whole_over, whole_under) = part.as_integer_ratio(), whole.as_integer_ratio()
    return int(part_over * whole_under * 100 * PARTS // (part_under * whole_over))


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rules of one name and account by the heights of their thresholds, lowest first."""

    heights: list[int]
    rules: list[Rule]

    def reached(self, height: int) -> int:
        """The number of rules, from the first on, that hold at a height."""
        return bisect_right(self.heights, height)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of an organization; every state of the catalog has its own object."""

    ladders: Mapping[tuple[str, str | None], Ladder] = field(default_factory=dict)
    #: The names that any rule waits for; other levels need not be computed.
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.ladders)

    def of(self, event_name: str, whose: str) -> list[Ladder]:
        """The rules that look at this account: the organization's, and the account's own."""
        ladders = self.ladders.get((event_name, None)), self.ladders.get((event_name, whose))
        return [ladder for ladder in ladders if ladder is not None]


def rules_of(
    configured: Iterable[Entity[NotificationConfiguration]],
    top_ups: Iterable[Entity[AutomaticTopUp]] = (),
    billings: Iterable[Entity[ThresholdBilling]] = (),
) -> Rules:
    """The active rules. An alert's height is reached, an automatic rule's is passed: the amount left *falls below*, the
    unbilled amount *exceeds*.
    """
    by_what: dict[tuple[str, str | None], list[tuple[int, Rule]]] = defaultdict(list)
    for entity in configured:
        body = entity.body
        if body.is_active and body.event_name in LEVELS:
            height = SO if body.threshold is None else height_of(body.event_name, body.threshold)
            by_what[body.event_name, body.account_id].append((height, rule_of(entity)))
    automatic = [top_up_rule(entity) for entity in top_ups if entity.body.is_active]
    automatic += [billing_rule(entity) for entity in billings if entity.body.is_active]
    for rule in automatic:
        assert rule.threshold is not None
        by_what[rule.event_name, rule.whose].append((height_of(rule.event_name, rule.threshold) + 1, rule))
    ladders = {}
    for key, unsorted in by_what.items():
        heights, rules = zip(*sorted(unsorted, key=lambda pair: (pair[0], pair[1].id)), strict=True)
        ladders[key] = Ladder(list(heights), list(rules))
    return Rules(ladders, frozenset(name for name, _ in ladders))
