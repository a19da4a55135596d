"""Follows the event store for rules about events, in the API's process: each match becomes a fact.

Why a match is raised once: the alert's id follows from the rule and the event's position, and its stream has one
version. Why none is lost: the position up to which an organization's events were checked moves in the transaction that
appends the alerts. A rule sees only events after its creation or last change.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from events.actors import ALERTS
from events.envelope import Envelope
from events.facts.alerts import AccountNotified, Alert
from events.facts.bills import BillIssued
from events.resources.notifications import OF_WINDOWS
from projections.alerts.happenings import FACTS_OF
from projections.entities import AccountEntity, Entity
from services.alerts.matching import (
    Event,
    Rule,
    Shown,
    event_document,
    event_of,
    holds,
    is_conditional,
    notice_of,
    waits_for,
)
from services.commands.event_names import HAPPENINGS, NAMES
from services.concurrency import compute
from services.postgres import Postgres
from services.store.conditions import is_rule_waiting_for
from services.store.events import NewEvent, append, stream_of, stream_versions, whole_bill
from services.store.execute import lock_organization
from services.store.generations import Generations
from services.store.happened import History, event_id_of, happened, read_history
from services.store.listing import named
from services.store.rows import COLUMNS, envelope_of
from services.store.view import OF_ORGANIZATION, entity_of

log = structlog.get_logger(__name__)

#: Events of one organization that are checked in one transaction.
PAGE = 200
#: $1 the position up to which all was checked: organizations with later events, and whether rules are among these.
MOVED = """
SELECT organization, max(position) AS position, bool_or(type LIKE 'NotificationConfiguration%') AS has_new_rules
FROM store.events WHERE position > $1 GROUP BY organization
"""
#: Organizations that may have rules, for a process that has just begun.
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
_EVENTS = (*FACTS_OF, *NAMES)
_FOLLOWED = (*_EVENTS, *OF_WINDOWS)
_POSITION = "SELECT position FROM store.alert_positions WHERE organization = $1"
_MOVE = """
INSERT INTO store.alert_positions AS held (organization, position) VALUES ($1, $2)
ON CONFLICT (organization) DO UPDATE SET position = greatest(held.position, EXCLUDED.position)
"""
#: $2 types of facts, $3 after this position.
_NEXT = f"""
SELECT stream, version, {COLUMNS} FROM store.events
WHERE organization = $1 AND type = ANY($2::text[]) AND position > $3 ORDER BY position LIMIT {PAGE}
"""


@dataclass(frozen=True, slots=True)
class _Page:
    """Some events, with the rules at that moment, the accounts of the events, and the history of events that a
    condition is about.

    `last`: the position of the last event.
    """

    rules: Sequence[Rule]
    events: Sequence[Event]
    accounts: Mapping[str, Entity[Any]]
    history: History
    last: int
    is_full: bool


class EventFollower:
    """Follows events. `shown`: a resource as the wire shows it, which conditions read."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations], shown: Shown) -> None:
        self._postgres, self._generations, self._shown = postgres, generations, shown

    async def waited_for(self, organization: str) -> frozenset[str]:
        """The names that the organization's active rules wait for, among those checked beside requests."""
        async with self._postgres.of(organization).connection() as connection:
            return frozenset(row["name"] for row in await connection.fetch(_NAMES, organization, list(_FOLLOWED)))

    async def follow(self, organization: str) -> bool:
        """Check some of the organization's new events; returns whether there are more. Raises: temporary failures."""
        page = await self._page(organization)
        if page is None:
            return False
        found = await compute(organization, _matches, page, self._generations().commands, self._shown)
        if raised := await self._append(organization, page, found):
            log.info("alerts_raised", organization=organization, alerts=raised)
        return page.is_full

    async def _page(self, organization: str) -> _Page | None:
        """A page in one snapshot, so that no rule is missed that was older than one of the events. None: nothing is
        new.
        """
        postgres = self._postgres.of(organization)
        async with postgres.transaction(isolation="repeatable_read") as connection:
            since = {row["name"]: row["since"] for row in await connection.fetch(_NAMES, organization, list(_EVENTS))}
            if not since:
                return None
            after = await connection.fetchval(_POSITION, organization)
            after = min(since.values()) if after is None else after
            rows = await connection.fetch(_NEXT, organization, sorted(set(_types(since))), after)
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
        return _Page(rules, events, accounts, history, rows[-1]["position"], len(rows) == PAGE)

    async def _event(self, connection: Any, organization: str, row: Mapping[str, Any]) -> Event:
        envelope = envelope_of(row, self._generations().commands)
        whole = await whole_bill(connection, envelope) if isinstance(envelope.data, BillIssued) else None
        id = event_id_of(organization, row["stream"], row["version"], row["position"])
        return event_of(envelope, id, whole)

    async def _append(self, organization: str, page: _Page, due: Sequence[tuple[Rule, Event]]) -> int:
        """Append the new alerts, and move the checked position. Under the organization's lock: another process with the
        same matches runs before this, or after.
        """
        facts = [
            (notice_of(rule, event, page.accounts.get(event.envelope.account or "")), event.envelope)
            for rule, event in due
        ]
        async with self._postgres.of(organization).transaction() as connection:
            await lock_organization(connection, organization)
            there = await stream_versions(connection, organization, [stream_of(fact) for fact, _ in facts])
            new = [
                _placed(organization, fact, cause, page.accounts) for fact, cause in facts if not there[stream_of(fact)]
            ]
            await append(connection, new, self._generations())
            await connection.execute(_MOVE, organization, page.last)
        return len(new)


def _matches(page: _Page, generation: str, shown: Shown) -> list[tuple[Rule, Event]]:
    """The rules that each event matches."""
    documents = _documents(page, generation, shown)
    return [
        (rule, event)
        for event in page.events
        for rule in page.rules
        if waits_for(rule, event) and holds(rule, documents.get(event.envelope.sequence, {}))
    ]


def _documents(page: _Page, generation: str, shown: Shown) -> dict[int, dict[str, Any]]:
    """`new` and `old` of the events that a condition is about, by position."""
    documents = {}
    for happening in happened(page.history, generation):
        account = page.accounts.get(happening.envelope.account or "")
        sides = happening.before, happening.after
        documents[happening.envelope.sequence] = event_document(page.history.organization, account, *sides, shown)
    return documents


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
    yield from (fact.__name__ for name in names for fact in FACTS_OF.get(name, ()))
    yield from (happening.fact_type for happening in HAPPENINGS if happening.name in names)
