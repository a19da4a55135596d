"""Rules of windows of time: they tell of the whole organization, once a window in which something reached their
threshold. Refused usage is counted; how late the read models are is measured by who asks.

Windows stand side by side, by the clock, and the start of each is the rule's arming. Refused usage is listed a moment
after it was refused, so the window before is looked at, too; what was late before is known no more.
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
from services.alerts.finding import Rule
from services.alerts.following import active_rules
from services.postgres import Postgres
from services.refusals.refused_usage import count_refused
from services.store.events import NewEvent, append, stream_of, stream_versions
from services.store.execute import lock_organization
from services.store.generations import Generations

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, `[since, until)`."""

    since: datetime
    until: datetime


class WindowAlerts:
    """Raises what has reached a rule's threshold in a window."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations

    async def count_refused(self, organization: str, now: datetime) -> int:
        """Count in the windows that hold `now`, and in those before; returns how many alerts were raised."""
        facts: list[OrganizationAlertRaised] = []
        async with self._postgres.of(organization).connection() as connection:
            for rule, threshold, minutes in await _rules(connection, organization, USAGE_REFUSED):
                for window in windows(minutes, now):
                    since_until = window.since, window.until
                    counted = await count_refused(connection, organization, *since_until, int(threshold))
                    if counted >= threshold:
                        facts.append(_raised(organization, rule, threshold, Decimal(counted), window))
            facts = await _not_raised(connection, organization, facts)
        return await self._append(organization, facts, now)

    async def tell_behind(self, organization: str, seconds: float, now: datetime) -> int:
        """The read models are so late now; returns how many alerts were raised."""
        late = Decimal(int(seconds))
        async with self._postgres.of(organization).connection() as connection:
            facts = [
                _raised(organization, rule, threshold, late, windows(minutes, now)[-1])
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


def windows(minutes: int, now: datetime) -> tuple[Window, Window]:
    """The window before the one that holds an instant, and that one."""
    length = timedelta(minutes=minutes)
    start = EPOCH + (now - EPOCH) // length * length
    return Window(start - length, start), Window(start, start + length)


async def _rules(connection: Any, organization: str, name: str) -> list[tuple[Rule, Decimal, int]]:
    """The active ones of this name, with their threshold and the minutes of their windows, which these have."""
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
