"""Makes facts of the alerts that the projector found, in the API's process.

Why an alert is raised once: its id follows from the rule, its subject and its arming, and its stream has one version.
So the store refuses a second `AlertRaised` in every case: after a kill behind the append, with two processes at once,
with refilled read models. Why none is lost: a due alert stays a row of the read models until its fact comes by in the
log.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from events.actors import ALERTS
from events.resources.automation import ACTS
from projections.entities import AccountEntity
from projections.readmodels import alerts_due
from services.alerts.matching import alert_of, is_found_by
from services.interruptions import INTERRUPTIONS
from services.postgres import Postgres
from services.readside.live import reading_live
from services.side_by_side import Resting
from services.sight.metrics import WAITS
from services.store.events import NewEvent, append, stream_versions
from services.store.execute import load_locked, now_of
from services.store.generations import Generations
from services.store.listing import named
from services.store.streams import stream_of

log = structlog.get_logger(__name__)

#: Alerts of one transaction.
PAGE = 200


class AlertRaiser:
    """Raises the alerts that are due by the read models."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations
        #: The last processed id of an organization, if its end was not reached.
        self._after = dict[str, str]()
        #: Ids of alerts that could not be raised.
        self._resting = Resting()

    async def raise_due(self, organization: str) -> bool:
        """Raise some due alerts of an organization, from the start or from the last stop; returns whether there may be
        more.

        After a permanent failure an alert rests, and the others are raised. Raises: temporary failures.
        """
        postgres = self._postgres.of(organization)
        async with reading_live(postgres) as connection:
            after = self._after.pop(organization, "")
            rows = await connection.fetch(alerts_due.NEXT, organization, after, PAGE, list(ACTS), self._resting.ids())
        has_more = len(rows) == PAGE
        if has_more:  # whatever becomes of this page, the next one does not wait for it
            self._after[organization] = rows[-1]["id"]
        if rows:
            await self._guarded(postgres, organization, rows)
        return has_more

    async def _guarded(self, postgres: Postgres, organization: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Raise all together or, if that fails, each alone, to find the failing one. If several fail and none succeeds,
        the cause is elsewhere.

        Raises: temporary failures, and that common failure.
        """
        try:
            return await self._raise(postgres, organization, rows)
        except INTERRUPTIONS:
            raise
        except Exception:
            failed = list[tuple[Mapping[str, Any], Exception]]()
            for row in rows:
                try:
                    await self._raise(postgres, organization, [row])
                except INTERRUPTIONS:
                    raise
                except Exception as error:
                    failed.append((row, error))
            if len(failed) == len(rows) > 1:
                raise
        for row, why in failed:
            WAITS.labels("alert_not_raised").inc()
            about = {"rule": row["rule_id"], "alert": row["id"]}
            log.error("alert_not_raised", organization=organization, **about, exc_info=why)
            self._resting.add(row["id"])

    async def _raise(self, postgres: Postgres, organization: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the alerts that are new; a rule that was changed or deleted meanwhile raises nothing."""
        async with postgres.transaction() as connection:
            # Under the organization's lock: another process with the same alerts runs before this, or after.
            resources = await load_locked(connection, organization)
            rules = await named(connection, organization, "notificationConfiguration", [row["rule_id"] for row in rows])
            accounts = await named(connection, organization, "account", [row["account_id"] for row in rows])
            events = []
            for row in rows:
                rule, account = rules.get(row["rule_id"]), accounts.get(row["account_id"])
                if is_found_by(rule, row) and isinstance(account, AccountEntity):
                    assert rule is not None
                    fact = alert_of(row, rule)
                    at_account = (now_of(resources), account.id, account.partition)
                    events.append(NewEvent(organization, stream_of(fact), 1, fact, *at_account, actor=ALERTS))
            there = await stream_versions(connection, organization, [event.stream for event in events])
            new = [event for event in events if not there[event.stream]]
            await append(connection, new, self._generations())
        if new:
            log.info("alerts_raised", organization=organization, alerts=len(new))
