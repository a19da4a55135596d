"""The alerts to raise for a family: rules that hold for a subject and were not raised since they were armed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from operator import is_, le
from typing import NamedTuple
from uuid import uuid5

from events.decimals import plain
from events.envelope import NAMESPACE
from projections.alerts.levels import Level
from projections.alerts.rules import Ladder, Rule, Rules


class AlertDue(NamedTuple):
    """An alert to raise; `id` will be the fact's id."""

    id: str
    rule_id: str
    event_name: str
    subject_id: str
    account_id: str
    arming: str
    day: date | None


class Speed(Enum):
    """The source of a level: balances, unbilled lines or outlooks; the latter two are written after the balances."""

    BALANCES = "balances"
    LINES = "lines"
    OUTLOOKS = "outlooks"


def alert_id(rule: Rule, subject_id: str, arming: str) -> str:
    """The id for a rule as it is now, a subject and an arming, fixed for ever: an alert that is raised twice has one
    id.
    """
    threshold = "" if rule.threshold is None else plain(rule.threshold.normalize())
    about = f"{rule.id}/{rule.event_name}/{threshold}/{subject_id}/{arming}"
    about += f"/{rule.terms}" if rule.terms else ""
    return str(uuid5(NAMESPACE, f"alert/{about}"))


def alert_due(rule: Rule, level: Level) -> AlertDue:
    """The alert of a rule whose threshold a level has reached."""
    id = alert_id(rule, level.subject_id, level.arming)
    return AlertDue(id, rule.id, rule.event_name, level.subject_id, level.account_id, level.arming, level.day)


class _Reached(NamedTuple):
    """The height that a level reached on its ladders, and the alerts found there that were not raised yet."""

    ladders: Sequence[Ladder]
    counts: Sequence[int]
    arming: str
    day: date | None
    due: dict[str, AlertDue]


@dataclass(slots=True)
class FamilyAlerts:
    """A family's alerts: those already raised, by its log, and those to raise.

    A repeated search costs only the thresholds that a level has passed since. Only its own methods change it.
    """

    raised: set[str] = field(default_factory=set)
    #: The rows in the table, by speed; a missing speed is not known yet.
    shown: dict[Speed, frozenset[AlertDue]] = field(default_factory=dict)
    _reached: dict[Speed, dict[tuple[str, str, str], _Reached]] = field(default_factory=dict, compare=False)

    def __reduce__(self) -> tuple[type["FamilyAlerts"], tuple[set[str], dict[Speed, frozenset[AlertDue]]]]:
        """Pickled without the values that can be found again."""
        return FamilyAlerts, (self.raised, self.shown)

    def note_raised(self, id: str) -> None:
        """Note that the alert was raised as a fact."""
        self.raised.add(id)

    def note_shown(self, speed: Speed, due: frozenset[AlertDue]) -> None:
        """Note that the table holds these alerts."""
        self.shown[speed] = due

    def find(self, rules: Rules, levels: Iterable[Level], speed: Speed) -> frozenset[AlertDue]:
        """The alerts to raise now, from all levels of this speed."""
        before, now = self._reached.get(speed, {}), dict[tuple[str, str, str], _Reached]()
        due = set[AlertDue]()
        for level in levels:
            ladders = rules.of(level.event_name, level.whose or level.account_id)
            counts = [ladder.reached(level.height) for ladder in ladders]
            if any(counts):
                key = level.event_name, level.subject_id, level.whose
                reached = now[key] = self._passed(before.get(key), ladders, counts, level)
                due.update(reached.due.values())
        self._reached[speed] = now
        return frozenset(due)

    def _passed(
        self, known: _Reached | None, ladders: Sequence[Ladder], counts: Sequence[int], level: Level
    ) -> _Reached:
        """Only the rules above the reached height, if nothing else changed."""
        firsts: Sequence[int] = [0] * len(ladders)
        still: dict[str, AlertDue] = {}
        if known is not None and _goes_on(known, ladders, counts, level):
            if counts == known.counts and self.raised.isdisjoint(known.due):
                return known
            firsts = known.counts
            still = {id: alert for id, alert in known.due.items() if id not in self.raised}
        added = _between(ladders, firsts, counts, level)
        due = still | {alert.id: alert for alert in added if alert.id not in self.raised}
        return _Reached(ladders, counts, level.arming, level.day, due)


def _goes_on(known: _Reached, ladders: Sequence[Ladder], counts: Sequence[int], level: Level) -> bool:
    return (
        len(known.ladders) == len(ladders)
        and all(map(is_, known.ladders, ladders))
        and (known.arming, known.day) == (level.arming, level.day)
        and all(map(le, known.counts, counts))
    )


def _between(
    ladders: Sequence[Ladder], firsts: Sequence[int], counts: Sequence[int], level: Level
) -> Iterator[AlertDue]:
    for ladder, first, count in zip(ladders, firsts, counts, strict=True):
        for rule in ladder.rules[first:count]:
            yield alert_due(rule, level)
