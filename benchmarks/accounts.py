"""Accounts with a plan and a prepayment each, as the product's own commands decide them, but many to a statement.

Through HTTP, one commit a command, a thousand of them would take longer than what is to be measured; a million would
take hours by one command after the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg

from events.facts.base import Fact
from events.facts.resources import AccountCreated, ResourceCreated
from projections.resources import Resources
from services.commands.bodies import parse_body
from services.commands.decide import decide
from services.commands.messages import CreateResource
from services.commands.table import kind_of
from services.postgres import Postgres
from services.store.events import lock_appends
from services.store.execute import execute, load_locked, now_of
from services.store.generations import Generations, load_generations
from services.store.loading import load_for
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of
from services.store.view import store_entity

TERM = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
PER_TRANSACTION = 1_000
#: Kind, id and body of what is to be created.
Make = tuple[str, str, dict[str, Any]]
_APPEND = f"""
INSERT INTO store.events (organization, stream, version, route, partition, account, type, schema_version, time, data)
SELECT $1, stream, 1, route, partition, account, type, schema_version, $2, data::json
FROM unnest($3::text[], $4::text[], $5::integer[], $6::text[], $7::text[], $8::integer[], $9::text[])
    AS made (stream, route, partition, account, type, schema_version, data)
RETURNING {COLUMNS}
"""


class Customer(NamedTuple):
    """An account and its prepayment, by id."""

    account: str
    prepayment: str


async def create_accounts(
    database_url: str, organization: str, plan: str, codes: Sequence[str], prepaid: int
) -> dict[str, Customer]:
    """Create an account per code, on the plan and with a prepayment of so much; returns customers by code."""
    customers = {code: Customer(str(uuid4()), str(uuid4())) for code in codes}
    left = iter(customers.items())
    connection: Any = await asyncpg.connect(database_url)
    try:
        generations = await load_generations(connection)
        while part := dict(islice(left, PER_TRANSACTION)):
            async with connection.transaction():
                resources = await load_locked(connection, organization)
                for made in _kinds_of(part, plan, prepaid):
                    await _create(connection, resources, made, generations)
    finally:
        await connection.close()
    return customers


def _kinds_of(customers: Mapping[str, Customer], plan: str, prepaid: int) -> Sequence[list[Make]]:
    """Everything to create, by kind: accounts first, for what else there is belongs to them."""
    terms = {"amount": prepaid, "amountPrePaid": prepaid, "currency": "USD", "billingPlanId": plan, **TERM}
    attached = {"planId": plan, "startDate": TERM["startDate"]}
    return (
        [
            ("account", customer.account, {"code": code, "name": code, "emailAddress": f"{code}@example.com"})
            for code, customer in customers.items()
        ],
        [("accountPlan", str(uuid4()), {"accountId": customer.account, **attached}) for customer in customers.values()],
        [
            ("commitment", customer.prepayment, {"accountId": customer.account, **terms})
            for customer in customers.values()
        ],
    )


async def _create(connection: Any, resources: Resources, made: Sequence[Make], generations: Generations) -> None:
    """Create resources of one kind, each of an account of its own, which `resources` hold: what the first one needs to
    be decided is all that the others need besides."""
    now = now_of(resources)
    commands = [CreateResource(kind, id, parse_body(kind, body), now) for kind, id, body in made]
    await load_for(connection, resources, commands[0])
    facts = [fact for command in commands for fact in decide(resources, command, generations.partitions)]
    await lock_appends(connection)
    columns = zip(*(_columns(resources, fact) for fact in facts), strict=True)
    for row in await connection.fetch(_APPEND, resources.organization, now, *map(list, columns)):
        resources.evolve(envelope_of(row, generations.commands))
    await _store(connection, resources, facts)


def _columns(resources: Resources, fact: Fact) -> tuple[Any, ...]:
    assert isinstance(fact, ResourceCreated)
    if isinstance(fact, AccountCreated):
        account, partition = fact.id, fact.partition
    else:
        account = fact.body.account_id
        partition = resources.accounts[account].partition
    data = fact.model_dump_json(by_alias=True, exclude_unset=True)
    return stream_of(fact), fact.route.value, partition, account, type(fact).__name__, fact.schema_version, data


class _Collected:
    """In place of a connection: what would be executed, to be sent at once."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    async def execute(self, statement: str, *arguments: Any) -> None:
        self.rows.setdefault(statement, []).append(arguments)


async def _store(connection: Any, resources: Resources, facts: Iterable[Fact]) -> None:
    """The command side's rows of what was created."""
    collected = _Collected()
    for fact in facts:
        kind = kind_of(fact)
        assert kind is not None and isinstance(fact, ResourceCreated)
        await store_entity(collected, resources, kind, fact.id)
    for statement, rows in collected.rows.items():
        await connection.executemany(statement, rows)


async def create_all(postgres: Postgres, organization: str, made: Iterable[Make]) -> None:
    """Create these resources in order, whatever they are, by one command after the other."""
    left = iter(made)
    async with postgres.connection() as connection:
        generations = await load_generations(connection)
        while part := list(islice(left, PER_TRANSACTION)):
            async with connection.transaction():
                for kind, id, body in part:
                    resources = await load_locked(connection, organization)
                    command = CreateResource(kind, id, parse_body(kind, body), now_of(resources))
                    await execute(connection, resources, command, generations)
