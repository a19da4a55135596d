"""Follows the event store for rules about events, in the API's process: each match becomes a fact.

Why once: the alert's id follows from the rule and the event's position, and its stream has one version. Why none is
lost: how far an organization's events were looked at moves in the transaction that appends the last of what was found.
A rule sees what happens after it was made or changed last, and nothing of before.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import structlog

from events.actors import ALERTS
from events.envelope import Envelope
from events.facts.alerts import AccountNotified, Alert
from events.facts.bills import BillIssued
from events.resources.notifications import OF_FACTS, OF_WINDOWS
from projections.entities import AccountEntity, Entity
from services.alerts.finding import FACTS, Found, Page, found_in
from services.alerts.matching import Event, Rule, Shown, event_of, is_conditional, notice_of
from services.commands.event_names import HAPPENINGS, NAMES
from services.concurrency import compute
from services.postgres import Postgres
from services.sight.metrics import WAITS
from services.store.conditions import is_rule_waiting_for
from services.store.events import NewEvent, append, stream_versions, whole_bill
from services.store.execute import lock_organization
from services.store.following import Following
from services.store.generations import Generations
from services.store.happened import event_id_of, read_history
from services.store.listing import named
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of
from services.store.view import OF_ORGANIZATION, entity_of

log = structlog.get_logger(__name__)

#: Bytes of the events of one organization that are read at once.
BYTES = 2_000_000
#: Shown as 0 from the beginning, so that the first one is seen to be one more.
PASSED_OVER = WAITS.labels("event_passed_over")
#: Rules that a line of the log names.
NAMED = 10
#: Whoever may have rules, for a process that has just begun.
WITH_RULES = "SELECT DISTINCT organization FROM store.entities WHERE kind = 'notificationConfiguration'"
#: $2 names that rules wait for: those of the active rules.
_RULES = f"{OF_ORGANIZATION} AND {is_rule_waiting_for('e', '$2')} ORDER BY e.position"
#: The names among these that any rule waits for, and the position of the last fact about the rule that has not changed
#: for longest.
_NAMES = f"""
SELECT e.body->>'eventName' AS name, min(e.folded) AS since FROM store.entities e
WHERE e.organization = $1 AND {is_rule_waiting_for("e", "$2")} GROUP BY 1
"""
#: All names that rules may wait for, except levels, which the projector checks; and those of them that are events.
_EVENTS = (*OF_FACTS, *NAMES)
_FOLLOWED = (*_EVENTS, *OF_WINDOWS)
_FOLLOWING = Following("alert_positions", f"stream, version, {COLUMNS}")


class EventFollower:
    """Follows events. `shown`: a resource as the wire shows it, which conditions read."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations], shown: Shown) -> None:
        self._postgres, self._generations, self._shown = postgres, generations, shown

    async def waited_for(self, organization: str) -> frozenset[str]:
        """The names that the organization's active rules wait for, among those checked beside requests."""
        async with self._postgres.of(organization).connection() as connection:
            return frozenset(row["name"] for row in await connection.fetch(_NAMES, organization, list(_FOLLOWED)))

    async def follow(self, organization: str) -> bool:
        """Look at some of what has happened in the organization since the last time; returns whether there is more.
        Raises: what passes; what an event raises that is the last, or behind which all others do."""
        page = await self._page(organization)
        if page is None:
            return False
        found = await compute(organization, found_in, page, self._generations().commands, self._shown)
        if raised := await self._append(organization, page, found):
            log.info("alerts_raised", organization=organization, alerts=raised)
        if found.last is None:
            raise next(iter(found.failed.values())).error
        for position, failure in found.passed_over.items():
            PASSED_OVER.inc()
            names = {"rules": failure.rules[:NAMED], "of_rules": len(failure.rules)}
            log.error(
                "event_passed_over", organization=organization, position=position, **names, exc_info=failure.error
            )
        return found.has_more

    async def _page(self, organization: str) -> Page | None:
        """In one snapshot, so that no rule is missing that was there before one of the events. None: nothing is new."""
        postgres = self._postgres.of(organization)
        async with postgres.transaction(isolation="repeatable_read") as connection:
            since = {row["name"]: row["since"] for row in await connection.fetch(_NAMES, organization, list(_EVENTS))}
            if not since:
                return None
            after = await _FOLLOWING.position(connection, organization)
            after = min(since.values()) if after is None else after
            rows, is_full = await _FOLLOWING.next(connection, organization, _types(since), after, BYTES)
            if not rows:
                return None
            events = [await self._event(connection, organization, row) for row in rows]
            happened_names = {name for event in events for name in event.names}
            rules = await active_rules(connection, organization, since.keys() & happened_names)
            owners = {account_id for event in events if (account_id := event.envelope.account) is not None}
            accounts = await named(connection, organization, "account", sorted(owners))
            event_names = {rule.body.event_name for rule in rules if is_conditional(rule)}
            wanted = [event.envelope.sequence for event in events if event.names & event_names]
            history = await read_history(connection, organization, wanted)
        return Page(rules, events, accounts, history, is_full)

    async def _event(self, connection: Any, organization: str, row: Mapping[str, Any]) -> Event:
        envelope = envelope_of(row, self._generations().commands)
        whole = await whole_bill(connection, envelope) if isinstance(envelope.data, BillIssued) else None
        id = event_id_of(organization, row["stream"], row["version"], row["position"])
        return event_of(envelope, id, whole)

    async def _append(self, organization: str, page: Page, found: Found) -> int:
        """What nobody has raised and, with the last of it, how far was looked. Under the organization's lock: who found
        the same comes before this, or after. In parts, for one event may be what thousands of rules wait for."""
        raised, parts = 0, [found.due[first : first + FACTS] for first in range(0, len(found.due), FACTS)]
        for number, part in enumerate(parts or [[]], 1):
            async with self._postgres.of(organization).transaction() as connection:
                await lock_organization(connection, organization)
                raised += await self._append_part(connection, organization, page, part)
                if number >= len(parts) and found.last is not None:
                    await _FOLLOWING.move(connection, organization, found.last)
        return raised

    async def _append_part(
        self, connection: Any, organization: str, page: Page, due: Sequence[tuple[Rule, Event]]
    ) -> int:
        facts = [
            (notice_of(rule, event, page.accounts.get(event.envelope.account or "")), event.envelope)
            for rule, event in due
        ]
        there = await stream_versions(connection, organization, [stream_of(fact) for fact, _ in facts])
        new = [_placed(organization, fact, cause, page.accounts) for fact, cause in facts if not there[stream_of(fact)]]
        await append(connection, new, self._generations())
        return len(new)


def _placed(organization: str, fact: Alert, cause: Envelope, accounts: Mapping[str, Entity[Any]]) -> NewEvent:
    """The alert's place in the log: beside its event, if that is an account's."""
    account = accounts.get(cause.account or "") if isinstance(fact, AccountNotified) else None
    owner = account if isinstance(account, AccountEntity) else None
    return NewEvent(
        organization,
        stream_of(fact),
        1,
        fact,
        cause.time,
        account=None if owner is None else owner.id,
        partition=None if owner is None else owner.partition,
        causation=str(cause.id),
        actor=ALERTS,
    )


async def active_rules(connection: Any, organization: str, names: Collection[str]) -> list[Rule]:
    """The active rules that wait for one of these names."""
    return [entity_of(row) for row in await connection.fetch(_RULES, organization, list(names))] if names else []


def _types(names: Collection[str]) -> Iterator[str]:
    """The types of facts that rules of these names wait for."""
    yield from (type for name in names for type in OF_FACTS.get(name, ()))
    yield from (happening.fact_type for happening in HAPPENINGS if happening.name in names)
