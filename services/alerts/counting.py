"""Counts refused usage in windows of time, for rules that wait for so much of it.

Windows stand side by side, by the clock, and the start of each is the rule's arming. Refused usage is listed a moment
after it was refused, so the window before is looked at, too.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

import structlog

from events.actors import ALERTS
from events.dates import EPOCH, instant_text
from events.decimals import plain
from events.envelope import NAMESPACE
from events.facts.alerts import OrganizationAlertRaised
from events.resources.notifications import USAGE_REFUSED
from services.alerts.following import active_rules
from services.alerts.matching import Rule
from services.postgres import Postgres
from services.refusals.refused_usage import count_refused
from services.store.events import NewEvent, append, stream_of, stream_versions
from services.store.execute import lock_organization
from services.store.generations import Generations

log = structlog.get_logger(__name__)


class RefusalCounter:
    """Raises what has reached a rule's threshold."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations

    async def count(self, organization: str, now: datetime) -> int:
        """Count in the windows that hold `now`, and in those before; returns how many alerts were raised."""
        async with self._postgres.of(organization).connection() as connection:
            rules = await active_rules(connection, organization)
            facts = [
                fact
                for rule in rules
                if rule.body.event_name == USAGE_REFUSED and rule.body.window_minutes is not None
                for since, until in windows(rule.body.window_minutes, now)
                if (fact := await _counted(connection, organization, rule, since, until)) is not None
            ]
        return await self._append(organization, facts, now) if facts else 0

    async def _append(self, organization: str, facts: list[OrganizationAlertRaised], now: datetime) -> int:
        async with self._postgres.of(organization).transaction() as connection:
            await lock_organization(connection, organization)
            there = await stream_versions(connection, organization, [stream_of(fact) for fact in facts])
            new = [
                NewEvent(organization, stream_of(fact), 1, fact, now, actor=ALERTS)
                for fact in facts
                if not there[stream_of(fact)]
            ]
            await append(connection, new, self._generations())
        if new:
            log.info("alerts_raised", organization=organization, alerts=len(new))
        return len(new)


def windows(minutes: int, now: datetime) -> list[tuple[datetime, datetime]]:
    """The window that holds an instant, behind the one before."""
    length = timedelta(minutes=minutes)
    start = EPOCH + (now - EPOCH) // length * length
    return [(start - length, start), (start, start + length)]


async def _counted(
    connection: Any, organization: str, rule: Rule, since: datetime, until: datetime
) -> OrganizationAlertRaised | None:
    threshold = rule.body.threshold
    assert threshold is not None
    counted = await count_refused(connection, organization, since, until, int(threshold))
    if counted < threshold:
        return None
    arming = instant_text(since)
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
        since=since,
        until=until,
    )
