"""Bills at a threshold: all usage that has arrived, before its billing period ends, and what a run leaves of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .lines import Due, Key, Line, Lines
from .reading import Thing, day
from .sent_usage import times_of

if TYPE_CHECKING:
    from .playing import Player

NOTHING = Line(date.min)


class Thresholds:
    """The rules of a story, and what they did. Every bill may be followed by another, for all that it left."""

    def __init__(self, scenario: Thing) -> None:
        self.rules: list[Thing] = scenario.get("thresholdBillings") or []
        self.acts: dict[str, list[Thing]] = {str(rule["code"]): [] for rule in self.rules}
        self.now = datetime(1970, 1, 1, tzinfo=UTC)

    def reach(self, kind: str, body: Any) -> None:
        """A rule looks on the day of the latest moment that was told."""
        told = list(times_of(body)) if kind == "usage" else []
        told += [datetime.combine(day(body["date"]), time(12), UTC)] if kind == "bill" else []
        self.now = max([self.now, *told])

    def follow(self, player: Player) -> None:
        while any(self.act(player, rule) for rule in self.rules):
            pass

    def act(self, player: Player, rule: Thing) -> bool:
        account, currency = str(rule["account"]), str(rule.get("currency") or player.world.currency)
        root = player.world.root_of(account)
        at = player.through(root, player.world.local_day(root, self.now))
        unbilled = player.bill_of(account, at, True)
        net = {key: line for key, line in unbilled.items() if key.currency == currency}
        found = sum((line.amount for line in net.values()), Fraction(0))
        if found <= Fraction(str(rule["threshold"])):
            return False
        player.issue(account, at, net)
        lines = player.due_of(root, at, True).lines
        theirs = [line for key, line in lines.items() if (key.bill_account, key.currency) == (account, currency)]
        last = max([at, *(line.due for line in theirs if line.due and (line.amount or line.quantity))])
        player.ahead_until[root] = max(last, player.ahead_until.get(root, last))
        act = {"date": at.isoformat(), "outcome": "DONE", "amount": float(found), "found": float(found)}
        self.acts[str(rule["code"])].append(act)
        return True


def charge_of(key: Key) -> Key:
    """A charge, whose overage and draws stand on lines of their own; several accounts may share one of draws."""
    kind = "USAGE" if key.type.startswith("OVERAGE") else key.pays or key.type
    return key._replace(type=kind, account="", holder="", pays="")


def left_alone(due: Due, billed: Lines, at: date) -> set[Key]:
    """What is not due stays as it was billed, unless less of it is owed, or it holds what another charge draws."""
    waiting: dict[Key, set[Key]] = defaultdict(set)
    for key, line in due.lines.items():
        if line.due is not None and line.due > at and (line.amount or line.quantity):
            waiting[charge_of(key)].add(key)
    gone = [key for key in billed if (now := due.lines.get(key)) is None or not (now.amount or now.quantity)]
    for key in gone:
        if charge_of(key) in waiting:
            waiting[charge_of(key)].add(key)

    def pair(key: Key) -> tuple[Line, Line]:
        now = NOTHING if key in gone else due.lines[key]
        return now, billed.get(key, NOTHING)

    def owes_less(keys: set[Key]) -> bool:
        own = [pair(key) for key in keys if not key.pays]
        amounts = [sum((line.amount for line in side), Fraction(0)) for side in zip(*own, strict=True)]
        units = [sum((line.quantity or Fraction(0) for line in side), Fraction(0)) for side in zip(*own, strict=True)]
        return bool(own) and (lessened(*amounts) or lessened(*units))

    def risen(key: Key) -> Fraction:
        """What it draws no more of what it was billed for."""
        now, was = pair(key)
        return now.amount - was.amount

    waiting = {charge: keys for charge, keys in waiting.items() if not owes_less(keys)}
    while True:
        draws = [key for keys in waiting.values() for key in keys if key.pays]
        too_much = {h for h in {k.holder for k in draws} if sum(risen(k) for k in draws if k.holder == h) > 0}
        held = {charge_of(key) for key in draws if key.holder in too_much and risen(key) > 0}
        if not held:
            return {key for keys in waiting.values() for key in keys}
        waiting = {charge: keys for charge, keys in waiting.items() if charge not in held}


def lessened(now: Fraction, was: Fraction) -> bool:
    return (was > 0 and now < was) or (was < 0 and now > was)
