"""A load that touches every moving part, played into one organization, and what it left, by name instead of by id.

Two organizations that played the same load must leave the same, whatever was killed while one of them did.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

from events.topics import USAGE, partition_of, usage_key
from services.failures import Passing
from services.kafka import BatchWriter, Cluster, Record
from services.postgres import open_postgres
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.stack import Endpoints
from tests.api_client import CONFIG, Api
from tests.catalog import TERM, Catalog, create_catalog, create_pricing, flat
from tests.usage_events import usage_event, usage_value

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = tuple(f"account-{number}" for number in range(6))
PARTS = 12
EVENTS_PER_PART = 500
#: A sealed text: the key's id, and what it sealed.
SEALED = re.compile(r"sealed1\.([\w-]{11})\.[\w-]+")
#: Whom the usage of an organization that keeps keys is of.
PEOPLE = 35


class Wire(Api):
    """The API of one organization; a call is repeated while it is away, under one idempotency key."""

    def __init__(self, url: Callable[[], str], organization: str) -> None:
        super().__init__(url, organization)
        self._calls = 0
        self.names: dict[str, str] = {}

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> httpx.Response:
        self._calls += 1
        key = key or (f"call-{self._calls}" if method == "POST" else None)
        async with asyncio.timeout(90):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await super().ask(method, path, body, key=key, **query)
                    if answer.status_code != 503:
                        return answer
                await asyncio.sleep(0.1)

    async def make(self, path: str, called: str, /, **body: Any) -> str:
        """Create a resource that `names` knows by this name."""
        id = await self.create(path, **body)
        self.names[id] = called
        return id


#: An organization that keeps keys; its usage says who used it, and each of them costs something.
ERASABLE = {"personalData": "ERASABLE"}
_WHO = {"code": "user", "name": "User", "category": "WHO"}


async def set_up(wire: Wire, **config: Any) -> dict[str, str]:
    """Catalog and accounts with one commitment each. Returns: account code -> id."""
    await wire.do("PUT", "organizationconfig", CONFIG | config)
    bands = [*flat(0.02), {"lowerLimit": 1000, "fixedPrice": 1, "unitPrice": 0.01}]
    people = [_WHO] if config else []
    catalog = await create_catalog(wire.create, 3, bands, more_fields=people, code="calls", cumulative=True)
    wire.names |= {id: name for name, id in catalog._asdict().items()}
    if config:
        await _people_cost(wire, catalog)
    accounts = {}
    for number, code in enumerate(ACCOUNTS):
        accounts[code] = await wire.make("accounts", code, code=code, name=code, emailAddress="a@example.com")
        await wire.make(
            "accountplans", f"plan-of-{code}", accountId=accounts[code], planId=catalog.plan, startDate="2026-01-01"
        )
        terms: dict[str, Any] = {"amount": 20 + number * 5, "amountPrePaid": 10, "overageSurchargePercent": 10}
        if number % 2:
            terms = {"amount": 40, "commitmentType": "MINIMUM", "commitmentPeriodInterval": 1}
        terms["billingPlanId"] = catalog.plan
        await wire.make("commitments", f"first-of-{code}", accountId=accounts[code], **TERM, **terms)
    return accounts


async def _people_cost(wire: Wire, catalog: Catalog) -> None:
    counted = {"targetField": "user", "aggregation": "UNIQUE", "rounding": "NONE", "quantityPerUnit": 1, "unit": "user"}
    people = await wire.make("aggregations", "people", code="people", name="People", meterId=catalog.meter, **counted)
    pricing = await create_pricing(wire.create, catalog.plan, people, flat(1), code="people", cumulative=True)
    wire.names[pricing] = "people"


def usage_of(organization: str, part: int, people: int = 0) -> list[tuple[str, bytes]]:
    """(account code, record) of one part; some records stand twice, some are no JSON. They are of so many people."""
    records = []
    for number in range(EVENTS_PER_PART):
        serial = part * EVENTS_PER_PART + number
        code = ACCOUNTS[serial % len(ACCOUNTS)]
        moment = START + timedelta(minutes=serial * 7 % (59 * 24 * 60))
        data: dict[str, Any] = {"measure": {"calls": 1 + serial % 5}}
        if people:
            data["who"] = {"user": f"user-{serial % people}"}
        event = usage_event(organization, code, f"event-{serial}", moment.isoformat(), source="/load", **data)
        records += [(code, usage_value(event))] * (2 if serial % 50 == 0 else 1)
        if serial % 100 == 0:
            records.append((code, b"not json"))
    return records


async def publish(cluster: Cluster, organization: str, part: int, partitions: int, people: int = 0) -> None:
    """Publish a part; each seventh record goes to a wrong partition. Repeats after an error, so ids may come twice."""
    by_partition: dict[int, list[Record]] = {}
    for number, (code, value) in enumerate(usage_of(organization, part, people)):
        right = partition_of(organization, code, partitions)
        wrong = (right + 1) % partitions if number % 7 == 0 else right
        by_partition.setdefault(wrong, []).append(Record(usage_key(organization, code), value))
    async with asyncio.timeout(120), BatchWriter(cluster) as writer:
        for partition, records in by_partition.items():
            while True:
                try:
                    await writer.append(USAGE, partition, records)
                    break
                except Passing:
                    await writer.reset()
                    await asyncio.sleep(0.2)


async def play(
    wire: Wire, cluster: Cluster, partitions: int, between: Callable[[int], Awaitable[None]], **config: Any
) -> None:
    """The whole load: usage in parts, commands and a bill among them, a last bill. `between` may break things.

    In an organization that keeps keys all accounts are forgotten first: so ingest makes the keys that it seals with.
    """
    accounts = await set_up(wire, **config)
    for id in accounts.values() if config else ():
        await wire.do("POST", f"accounts/{id}/forget")
    for part in range(PARTS):
        await publish(cluster, wire.organization, part, partitions, people=PEOPLE if config else 0)
        await between(part)
        if part == 4:
            body = {"amount": 15, "amountPrePaid": 15, **TERM}
            await wire.make("commitments", "second", accountId=accounts[ACCOUNTS[0]], **body)
    # Which late usage an early bill sees depends on time, so bills come when all is published: first January, then all.
    for last_day in ("2026-01-31", "2026-02-28"):
        job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day})
        async with asyncio.timeout(120):
            while job["status"] != "COMPLETE":
                await asyncio.sleep(0.1)
                job = await wire.do("GET", f"billjobs/{job['id']}")


#: Rows of each table by their columns' names, sorted.
Left = dict[str, list[dict[str, Any]]]
TABLES = {
    "usage_totals": "account_id, aggregation_id, segment, day, records, total::text, state::text",
    "commitment_balances": "commitment_id, account_id, kind, amount::text, spent::text, remaining::text, "
    "rolled_over::text, lapsed::text, status, periods::text, as_of",
    "draws": "commitment_id, account_id, number, slice_start, amount::text, place",
    "accrued_lines": "account_id, type, amount::text, quantity::text, currency",
    "bills": "account_id, bill_date, total::text, status, number",
    "bill_line_items": "account_id, type, commitment_id, amount::text, quantity::text",
}


async def settled(endpoints: Endpoints) -> None:
    """Wait until everything is projected and no account waits to be settled."""
    async with open_watcher(endpoints.database_url, endpoints.kafka) as watcher:
        await Waiter(watcher).until_projected()
    async with (
        asyncio.timeout(60),
        open_postgres(endpoints.database_url, most=1) as postgres,
        postgres.connection() as connection,
    ):
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        while await connection.fetchval(f"SELECT count(*) FROM {schema}.due_accounts"):
            await asyncio.sleep(0.05)


async def left_by(database_url: str, wire: Wire) -> Left:
    """Every read model's rows of the organization, sorted, ids replaced by the names the load gave."""
    connection = await asyncpg.connect(database_url)
    try:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        found = {}
        for table, columns in TABLES.items():
            rows = await connection.fetch(
                f"SELECT {columns} FROM {schema}.{table} WHERE organization = $1", wire.organization
            )
            found[table] = sorted(({name: wire.names.get(v, v) for name, v in row.items()} for row in rows), key=repr)
        found["usage_totals"] = await _by_whose_keys(connection, wire, found["usage_totals"])
        return found
    finally:
        await connection.close()


async def _by_whose_keys(
    connection: asyncpg.Connection, wire: Wire, totals: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The totals with the account whose good key sealed it in the place of what is sealed: keys of no two organizations
    are alike. An older release knows no keys."""
    if not any(SEALED.search(row["state"] or "") for row in totals):
        return totals
    keys = await connection.fetch(
        "SELECT key_id, account FROM store.personal_keys WHERE organization = $1 AND key IS NOT NULL", wire.organization
    )
    whose = {row["key_id"]: wire.names.get(row["account"], row["account"]) for row in keys}

    def sealed(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"state": SEALED.sub(lambda token: f"of {whose.get(token[1])}", row["state"] or "")}

    return sorted((sealed(row) for row in totals), key=repr)


def expected_calls() -> int:
    """The calls that all accounts together made: each event once, whatever was repeated."""
    return sum(1 + serial % 5 for serial in range(PARTS * EVENTS_PER_PART))
