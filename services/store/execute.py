"""One command, one transaction: lock the organization, load, decide, append, update the view.

The organization's lock makes checks over several resources (a code is free, a plan still exists, fewer than 999
children) hold at commit: two commands of one organization are decided one after the other. The expected version of a
stream is checked once more by the table's unique key, which also guards against writers that do not come this way.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from events.envelope import Envelope
from events.facts.base import Fact
from events.facts.clock import ClockTicked
from events.facts.commitments import BalanceScheduleDeleted
from events.facts.resources import (
    AccountForgotten,
    OrganizationConfigured,
    ResourceCreated,
    ResourceFact,
)
from events.resources.base import Resource
from projections.calendar import local_day
from projections.resources import Resources
from services.commands.decide import decide
from services.commands.messages import Command
from services.commands.organization_rules import clock_of
from services.commands.table import KINDS, kind_of
from services.personal.fields import changed_fact, has_personal, marked_by
from services.personal.keyring import Keyring
from services.personal.keys import destroy, sealers_of
from services.postgres import Postgres
from services.store.events import NewEvent, append, stream_version
from services.store.generations import Generations
from services.store.loading import load_for
from services.store.streams import CLOCK, stream_of
from services.store.view import load_config, owner, store_config, store_entity

_NO_KEYS = Keyring()
_LOCK_ORGANIZATION = "SELECT pg_advisory_xact_lock(hashtextextended('organization ' || $1, 0))"


@dataclass(frozen=True, slots=True)
class Executed:
    """The outcome of a command. `after` holds the loaded resources, with the command's facts applied."""

    after: Resources
    events: list[Envelope]


async def lock_organization(connection: Any, organization: str) -> None:
    """Until the end of the transaction, no other command of this organization is decided."""
    await connection.execute(_LOCK_ORGANIZATION, organization)


def now_of(resources: Resources) -> datetime:
    """The organization's time: its test clock's, else the real time."""
    return clock_of(resources) if resources.has_test_clock else datetime.now(UTC)


def today_of(resources: Resources) -> date:
    """Today in the zone of an organization, which must be configured."""
    assert resources.config is not None
    return local_day(now_of(resources), resources.config.body.timezone)


async def organization_time(postgres: Postgres, organization: str) -> datetime:
    """The organization's time, read over a connection of its own."""
    async with postgres.connection() as connection:
        return now_of(await load_config(connection, organization))


async def load_locked(connection: Any, organization: str) -> Resources:
    """The configuration and the test clock, under the lock: nobody can change them until the end of the transaction."""
    await lock_organization(connection, organization)
    return await load_config(connection, organization)


async def execute(
    connection: Any,
    resources: Resources,
    command: Command,
    generations: Generations,
    correlation: str | None = None,
    actor: str | None = None,
    keyring: Keyring = _NO_KEYS,
) -> Executed:
    """Run the command of `actor` on the resources loaded under the lock, within the caller's transaction.

    From here on, personal texts of an organization with keys exist only sealed, in log and view alike. Raises:
    CommandError, StreamMovedError, RecordTooLargeError, NoPersonalKeyError; nothing has then changed.
    """
    await load_for(connection, resources, command)
    facts = decide(resources, command, generations.partitions)
    events = []
    for fact in facts:
        event = await _placed(connection, resources, fact, command.now)
        sealed = await _sealed(connection, resources, event, keyring)
        event = replace(event, fact=sealed, correlation=correlation, actor=actor)
        [envelope] = await append(connection, [event], generations)
        resources.evolve(envelope)
        await _store(connection, resources, sealed)
        events.append(envelope)
    return Executed(resources, events)


async def _placed(connection: Any, resources: Resources, fact: Fact, now: datetime) -> NewEvent:
    """The fact with its stream, version and place in the log."""
    organization = resources.organization
    match fact:
        case OrganizationConfigured(version=version):
            return NewEvent(organization, stream_of(fact), version, fact, now)
        case ClockTicked(now=moved):
            version = await stream_version(connection, organization, CLOCK) + 1
            return NewEvent(organization, CLOCK, version, fact, moved)
        case ResourceFact(version=version):
            account, partition = place_of(resources, fact)
            return NewEvent(organization, stream_of(fact), version, fact, now, account, partition)
        case _:
            raise TypeError(f"{type(fact).__name__} is not a fact of a command")


async def _sealed(connection: Any, resources: Resources, event: NewEvent, keyring: Keyring) -> Fact:
    """The fact with its personal texts sealed, if its organization has keys and the fact is about an account."""
    marked = marked_by(resources.configured)
    if marked is None or event.account is None or not has_personal(event.fact, marked):
        return event.fact
    sealers = await sealers_of(connection, resources.organization, [event.account], keyring)
    seal, before = sealers[event.account].seal_once, body_before(resources, event.fact)
    return changed_fact(event.fact, marked, seal, before)


def body_before(resources: Resources, fact: Fact) -> Resource | None:
    """The body of a fact's resource before the fact; None: it did not exist yet."""
    kind = kind_of(fact)
    entity = kind.held(resources).get(fact.id) if isinstance(fact, ResourceFact) and kind is not None else None
    return None if entity is None else entity.body


def place_of(resources: Resources, fact: ResourceFact) -> tuple[str | None, int | None]:
    """Account and partition of a resource's fact; a created account brings its own."""
    if (partition := getattr(fact, "partition", None)) is not None:
        return fact.id, partition
    kind = kind_of(fact)
    assert kind is not None
    body = fact.body if isinstance(fact, ResourceCreated) else kind.held(resources)[fact.id].body
    account = owner(resources, kind, fact.id, body)
    return (account.id, account.partition) if account else (None, None)


async def _store(connection: Any, resources: Resources, fact: Fact) -> None:
    """Write the rows changed by the fact; for a schedule, also its balance's row."""
    if isinstance(fact, AccountForgotten):
        await destroy(connection, resources.organization, fact.id, fact.key_ids)
    if isinstance(fact, OrganizationConfigured):
        await store_config(connection, resources)
    elif isinstance(fact, ResourceFact):
        kind = kind_of(fact)
        assert kind is not None
        await store_entity(connection, resources, kind, fact.id)
        if kind.owner == "balanceId":
            await store_entity(connection, resources, KINDS["balance"], _balance_of(fact))


def _balance_of(fact: Any) -> str:
    """The balance that changes with a fact about its schedule or transaction."""
    balance_id: str = (fact if isinstance(fact, BalanceScheduleDeleted) else fact.body).balance_id
    return balance_id
