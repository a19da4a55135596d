"""Rules over windows of time: alerts about the whole organization, once per window in which a value reached the
threshold.

Refused usage is counted here; the lag of the read models is measured by the caller. Windows adjoin each other, by the
clock, and the start of each is the rule's arming. Refused usage is listed with a delay, and a process may have looked
late, so past windows are checked, too. The past lag of read models is no longer known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid5

import structlog

from events.actors import ALERTS
from events.dates import EPOCH, instant_text
from events.decimals import plain
from events.envelope import NAMESPACE
from events.facts.alerts import OrganizationAlertRaised
from events.resources.notifications import READ_MODELS_BEHIND, USAGE_REFUSED
from services.alerts.following import active_rules
from services.alerts.matching import Rule
from services.postgres import Postgres
from services.refusals.refused_usage import count_refused
from services.store.events import NewEvent, append, stream_versions
from services.store.execute import lock_organization
from services.store.generations import Generations
from services.store.streams import stream_of

log = structlog.get_logger(__name__)

#: The longest delay with which refused usage may be listed and still count for an alert; also how far back a new
#: process looks.
LISTED_LATE, LOOKED_BACK = timedelta(minutes=15), timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, `[since, until)`."""

    since: datetime
    until: datetime


class WindowAlerts:
    """Raises alerts for windows in which a rule's threshold was reached."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations
        #: When refused usage of an organization was counted last.
        self._counted = dict[str, datetime]()

    async def count_refused(self, organization: str, now: datetime) -> int:
        """Count in every window since the last look, also those that are over; returns how many alerts were raised."""
        last = self._counted.get(organization)
        since = now - LOOKED_BACK if last is None else last - LISTED_LATE
        facts: list[OrganizationAlertRaised] = []
        async with self._postgres.of(organization).connection() as connection:
            for rule, threshold, minutes in await _rules(connection, organization, USAGE_REFUSED):
                length = timedelta(minutes=minutes)
                # A new rule finds a condition that already holds, but it does not look at history.
                asked = windows(minutes, max(since, min(rule.modified, now) - length), now)
                of = {window.since: window for window in asked}
                refused = await count_refused(connection, organization, list(of), length, int(threshold))
                facts += [
                    _raised(organization, rule, threshold, Decimal(count), of[begin])
                    for begin, count in refused.items()
                    if count >= threshold
                ]
            facts = await _not_raised(connection, organization, facts)
        raised = await self._append(organization, facts, now)
        self._counted[organization] = now
        return raised

    async def tell_behind(self, organization: str, seconds: float, now: datetime) -> int:
        """Raise alerts for the present lag of the read models; returns how many were raised."""
        late = Decimal(int(seconds))
        async with self._postgres.of(organization).connection() as connection:
            facts = [
                _raised(organization, rule, threshold, late, windows(minutes, now, now)[-1])
                for rule, threshold, minutes in await _rules(connection, organization, READ_MODELS_BEHIND)
                if late >= threshold
            ]
            facts = await _not_raised(connection, organization, facts)
        return await self._append(organization, facts, now)

    async def _append(self, organization: str, facts: Sequence[OrganizationAlertRaised], now: datetime) -> int:
        if not facts:
            return 0
        async with self._postgres.of(organization).transaction() as connection:
            await lock_organization(connection, organization)
            facts = await _not_raised(connection, organization, facts)
            new = [NewEvent(organization, stream_of(fact), 1, fact, now, actor=ALERTS) for fact in facts]
            await append(connection, new, self._generations())
        if new:
            log.info("alerts_raised", organization=organization, alerts=len(new))
        return len(new)


def windows(minutes: int, since: datetime, until: datetime) -> list[Window]:
    """The windows from the one that holds `since` to the one that holds `until`."""
    length = timedelta(minutes=minutes)
    numbers = range((since - EPOCH) // length, (until - EPOCH) // length + 1)
    return [Window(EPOCH + number * length, EPOCH + (number + 1) * length) for number in numbers]


async def _rules(connection: Any, organization: str, name: str) -> list[tuple[Rule, Decimal, int]]:
    """The active rules of this name, with their threshold and the minutes of their windows."""
    return [
        (rule, rule.body.threshold, rule.body.window_minutes)
        for rule in await active_rules(connection, organization, [name])
        if rule.body.threshold is not None and rule.body.window_minutes is not None
    ]


async def _not_raised(
    connection: Any, organization: str, facts: Sequence[OrganizationAlertRaised]
) -> list[OrganizationAlertRaised]:
    there = await stream_versions(connection, organization, [stream_of(fact) for fact in facts])
    return [fact for fact in facts if not there[stream_of(fact)]]


def _raised(
    organization: str, rule: Rule, threshold: Decimal, counted: Decimal, window: Window
) -> OrganizationAlertRaised:
    arming = instant_text(window.since)
    about = f"{rule.id}/{rule.body.event_name}/{plain(threshold.normalize())}/{organization}/{arming}"
    return OrganizationAlertRaised(
        id=str(uuid5(NAMESPACE, f"alert/{about}")),
        rule_id=rule.id,
        rule_code=rule.body.code,
        event_name=rule.body.event_name,
        subject_id=organization,
        arming=arming,
        threshold=threshold,
        counted=counted,
        since=window.since,
        until=window.until,
    )
