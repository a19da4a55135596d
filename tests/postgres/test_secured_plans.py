"""Under row security every look-up has its index still: however many rows there are, a query touches few pages."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import pytest
import pytest_asyncio

from projections.entities import AccountEntity
from projections.resources import Resources
from services.alerts import following
from services.api.search import ResourceSearch
from services.billing.life import load_life
from services.commands.filters import EqualsOrLacks, HasCode, HasId, NamesOneOf, OfAccount
from services.commands.messages import DeleteResource
from services.commands.refused import UnknownResource
from services.commands.table import KINDS
from services.postgres import Role, open_postgres
from services.refusals import held_usage, refused_usage
from services.refusals.held_usage import OF_ACCOUNT, OF_METER
from services.run.stack.postgres import EmbeddedPostgres
from services.store import idempotency
from services.store.billing_entities import BilledAccounts
from services.store.events import read_stream
from services.store.listing import BY_POSITION, Search, condition_of, list_page, search_page
from services.store.loading import load_for
from services.store.view import get, get_ids, load_config, partitions_of
from tests.postgres.secured import Database, fresh_database
from tests.store.kit import NOW

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

#: Of each organization; a table of it has more than ten times the pages that a query may touch.
ACCOUNTS, COMMITMENTS, CONTRACTS, DAYS, RULES = 10_000, 30_000, 10_000, 3_000, 10_000
PAGES_MAX = 120
_FILL = f"""
INSERT INTO store.entities (organization, kind, id, version, body, refs, root_id, partition, timezone, position, folded,
                            created, modified)
SELECT organization, 'account', 'account-' || n, 1, jsonb_build_object('code', 'code-' || n, 'name', repeat('x', 200)),
    '{{}}', 'account-' || n, 1, 'UTC', n, n, now(), now()
FROM generate_series(1, {ACCOUNTS}) AS n, unnest('{{a,b}}'::text[]) AS organization;
INSERT INTO store.entities (organization, kind, id, version, body, refs, root_id, position, folded, created, modified)
SELECT organization, 'commitment', 'commitment-' || n, 1,
    jsonb_build_object('accountId', 'account-' || n % {ACCOUNTS}, 'contractId', 'contract-' || n % {CONTRACTS},
        'name', repeat('x', 200), 'startDate', (date '2020-01-01' + n % {DAYS})::text,
        'endDate', (date '2030-01-01' + n % {DAYS})::text),
    ARRAY['account-' || n % {ACCOUNTS}, 'contract-' || n % {CONTRACTS}],
    'account-' || n % {ACCOUNTS}, {ACCOUNTS} + n, {ACCOUNTS} + n, now(), now()
FROM generate_series(1, {COMMITMENTS}) AS n, unnest('{{a,b}}'::text[]) AS organization;
INSERT INTO store.entities (organization, kind, id, version, body, position, folded, created, modified)
SELECT organization, 'notificationConfiguration', 'rule-' || n, 1, jsonb_build_object('code', 'rule-' || n,
        'eventName', CASE WHEN n = 7 THEN 'alert.bill.issued' ELSE 'alert.funds.used' END, 'name', repeat('x', 200)),
    n, n, now(), now()
FROM generate_series(1, {RULES}) AS n, unnest('{{a,b}}'::text[]) AS organization;
INSERT INTO store.events (organization, stream, version, route, type, schema_version, time, data)
SELECT organization, 'bills-account-' || n % 1000, n, 'account', 'BillIssued', 1, now(),
    json_build_object('billId', 'bill-' || n, 'name', repeat('x', 200))
FROM generate_series(1, {COMMITMENTS}) AS n, unnest('{{a,b}}'::text[]) AS organization;
INSERT INTO store.idempotency (organization, method, path, key, body_hash, answer)
SELECT organization, 'POST', '/x', 'key-' || n, '', repeat('x', 200)::bytea
FROM generate_series(1, {COMMITMENTS}) AS n, unnest('{{a,b}}'::text[]) AS organization;
INSERT INTO store.refused_usage (organization, id, account, meter, reason, rule, cut, arrived, refused, partition,
                                 log_offset, held_until)
SELECT organization, 'held-' || n, CASE WHEN n % 1000 = 0 THEN 'other-' || n ELSE 'late' END, 'late',
    CASE WHEN n % 2 = 0 THEN 'unknown-account' ELSE 'unknown-meter' END, repeat('x', 200), false, now(), now(), 0, n,
    CASE WHEN n % 999 = 0 THEN NULL ELSE now() END
FROM generate_series(1, {COMMITMENTS}) AS n, unnest('{{a,b}}'::text[]) AS organization;
"""


class Explaining:
    """A connection that has each query explained instead of answered: nothing is found."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.pages, self.plans = 0, list[str]()

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}"
        await self._connection.fetchval(explained, *arguments)  # what this session has to learn once
        [plan] = json.loads(await self._connection.fetchval(explained, *arguments))
        top = plan["Plan"]
        self.pages += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        self.plans.append(json.dumps(top, indent=1))
        return []

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return next(iter(await self.fetch(query, *arguments)), None)

    fetchval = fetchrow

    async def execute(self, query: str, *arguments: Any) -> None:
        await self.fetch(query, *arguments)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("plans"))
    try:
        async with fresh_database(await server.start()) as made:
            await made.migrate()
            await made.run(_FILL)
            await made.run("VACUUM ANALYZE")
            yield made
    finally:
        await server.stop()


def listed(kind: str, *conditions: Any) -> Callable[[Any], Awaitable[Any]]:
    return lambda connection: list_page(connection, "a", kind, conditions, 10)


def searched(kind: str, term: str) -> Callable[[Any], Awaitable[Any]]:
    search = Search((ResourceSearch(KINDS[kind]).condition(term),), True, BY_POSITION, False, 0, 10)
    return lambda connection: search_page(connection, "a", kind, search)


def refused(*, held: bool) -> Callable[[Any], Awaitable[Any]]:
    return lambda connection: refused_usage.page(connection, "a", [], 10, newest_first=True, held=held)


KEY = idempotency.Request("a", "POST", "/x", "key-7", b"")
DELETE = DeleteResource("account", "account-7", force=False, drawn=False, now=NOW)
BILLED = BilledAccounts("a", {"account-7": cast("AccountEntity", None)})
ASKED: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "one": lambda connection: get(connection, "a", "commitment", "commitment-7"),
    "some": lambda connection: get_ids(connection, "a", ["commitment-7", "account-7"]),
    "the configuration": lambda connection: load_config(connection, "a"),
    "the newest": listed("commitment"),
    "some, listed": listed("commitment", condition_of(HasId(), ["commitment-7"])),
    "an account's": listed("commitment", condition_of(OfAccount(), "account-7")),
    "by codes": listed("account", condition_of(HasCode(), ["code-7", "code-8"])),
    "a contract's": listed("commitment", condition_of(EqualsOrLacks("contractId"), "contract-7")),
    "what names an account": listed("commitment", condition_of(NamesOneOf("accountId"), ["account-7"])),
    "an account's, searched": searched("commitment", "accountId:account-7"),
    "a contract's, searched": searched("commitment", "contractId:contract-7"),
    "of a day, searched": searched("commitment", "startDate:2023-03-03"),
    "that end late, searched": searched("commitment", "endDate>2038-03-17"),
    "that begin late, the newest of most, searched": searched("commitment", "startDate>2021-01-01"),
    "by code, searched": searched("account", "code:code-7"),
    "by codes, searched": searched("account", "codes:code-7,code-8"),
    "where usage goes": lambda connection: partitions_of(connection, "a", ["code-7", "code-8"]),
    "who refers to it": lambda connection: load_for(connection, Resources("a"), DELETE),
    "what an account is billed by": lambda connection: BILLED.of_kind(connection, "plan"),
    "a bill": lambda connection: load_life(connection, "a", "bill-7"),
    "a stream": lambda connection: read_stream(connection, "a", "bills-account-7", "g"),
    "a key": lambda connection: idempotency.find(connection, KEY),
    "what held usage waits for": lambda connection: held_usage.codes_waited_for(connection, "a", OF_ACCOUNT),
    "what of it is there": lambda connection: held_usage.there(connection, "a", OF_ACCOUNT, ["code-7", "late"]),
    "held usage, the first": lambda connection: held_usage.waiting_for(connection, "a", OF_METER, ["late", "x"], 10),
    "held usage that is over": lambda connection: connection.execute(held_usage._EXPIRE, "a", NOW),
    "held usage, listed": refused(held=True),
    "refused usage among it, listed": refused(held=False),
    "what rules wait for but levels": lambda connection: connection.fetch(following._NAMES, "a", following._FOLLOWED),
    "rules of an event": lambda connection: following.active_rules(connection, "a", ["alert.bill.issued"]),
    "old keys": lambda connection: connection.execute(idempotency._FORGET_OLD, "a", 35),
}


@pytest.mark.parametrize("question", ASKED)
async def test_a_look_up_touches_few_pages(database: Database, question: str) -> None:
    async with (
        open_postgres(database.url, role=Role.API, most=1) as postgres,
        postgres.of("a").connection() as connection,
    ):
        explaining = Explaining(connection)
        with suppress(UnknownResource, TypeError):  # nothing is found, which not all can go on from
            await ASKED[question](explaining)
    assert explaining.plans
    assert explaining.pages <= PAGES_MAX * len(explaining.plans), "\n".join(explaining.plans)
