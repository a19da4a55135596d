"""Bills in an event store, for `benchmarks.exporting`: as bill runs would have issued them, and what they come to.

Everything is a function of the bill's number, in whole cents: what exports say is compared with these sums.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from benchmarks.running import ORGANIZATION
from benchmarks.workload import ORGANIZATION as CONFIG
from events.facts.base import Fact
from events.facts.bills import BillIssued, BillLine, Positions
from events.facts.catalog import ProductCreated
from events.facts.commitments import CommitmentCreated
from events.facts.resources import AccountCreated
from events.resources.organization import OrganizationConfig
from services.commands.bodies import parse_model
from services.commands.messages import ConfigureOrganization
from services.postgres import Postgres
from services.store.events import NewEvent, append
from services.store.execute import execute, load_locked
from services.store.generations import Generations
from services.store.streams import bills_of

#: Lines of a bill, all but the last of usage; the last one is what a prepayment pays of them. Bills of an account.
LINES, BILLS = 20, 10
#: How many bills one transaction appends.
_AT_ONCE = 200
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_RELAYED = "UPDATE store.relay SET position = (SELECT max(position) FROM store.events)"


def cents_of(line: int) -> int:
    """Of a line of usage, by its number in the organization."""
    return 1 + line * 7919 % 100_000


def drawn(bill: int) -> int:
    """Cents of what the bill's usage costs, half of which the prepayment pays."""
    return sum(cents_of(bill * LINES + number) for number in range(LINES - 1)) // 2


def payable(bills: int) -> Decimal:
    """What all bills come to."""
    lines = (cents_of(bill * LINES + number) for bill in range(bills) for number in range(LINES - 1))
    return Decimal(sum(lines) - sum(map(drawn, range(bills)))) / 100


async def fill(postgres: Postgres, generations: Generations, bills: int) -> None:
    """The organization, its accounts, each with a prepayment, and the bills; all of it is in the log, as far as the
    store knows."""
    config = parse_model(OrganizationConfig, CONFIG)
    async with postgres.transaction() as connection:
        resources = await load_locked(connection, ORGANIZATION)
        await execute(connection, resources, ConfigureOrganization(config, None, _NOW), generations)
        product = ProductCreated.model_validate(_made("product", {"name": "API", "code": "api"}))
        await append(connection, [NewEvent(ORGANIZATION, f"product-{product.id}", 1, product, _NOW)], generations)
    for start in range(0, bills, _AT_ONCE):
        events = [event for bill in range(start, min(start + _AT_ONCE, bills)) for event in _events(bill, product.id)]
        async with postgres.transaction() as connection:
            await append(connection, events, generations)
    async with postgres.transaction() as connection:
        await connection.execute(_RELAYED)


def _events(bill: int, product: str) -> Iterator[NewEvent]:
    """The bill; before its account's first one the account, and its prepayment."""
    number, version = divmod(bill, BILLS)
    account, commitment = _id("account", number), _id("commitment", number)
    facts = list[tuple[str, int, Fact]]()
    if version == 0:
        made = _made(number, {"code": f"account-{number}", "name": "A", "emailAddress": "a@example.com"})
        opened = AccountCreated.model_validate(
            made | {"id": account, "rootId": account, "partition": 0, "timezone": "UTC"}
        )
        body = {"accountId": account, "currency": "USD", "amount": "1000000", "startDate": "2026-01-01"}
        paid = _made(number, body | {"endDate": "2027-01-01"}) | {"id": commitment}
        facts += [
            (f"account-{account}", 1, opened),
            (f"commitment-{commitment}", 1, CommitmentCreated.model_validate(paid)),
        ]
    facts.append((bills_of(account), version + 1, _bill(bill, account, commitment, product)))
    for stream, at, fact in facts:
        yield NewEvent(ORGANIZATION, stream, at, fact, _NOW, account=account, partition=0)


def _bill(bill: int, account: str, commitment: str, product: str) -> BillIssued:
    month = date(2026, 1, 1) + timedelta(days=30 * (bill % BILLS))
    period = {"period_start": month, "period_end": month + timedelta(days=30)}
    common: dict[str, Any] = {"account_id": account, "product_id": product, "plan_id": _id("plan", 0), **period}
    lines = [
        _line(bill, number, cents_of(bill * LINES + number), type="USAGE", segment=f"region-{number}", **common)
        for number in range(LINES - 1)
    ]
    paid = {"type": "COMMITMENT_CONSUMED", "charge_type": "USAGE", "commitment_id": commitment}
    lines.append(_line(bill, LINES - 1, -drawn(bill), **paid, **common))
    return BillIssued(
        bill_id=_id("bill", bill),
        account_id=account,
        root_id=account,
        bill_date=period["period_end"],
        due_date=period["period_end"],
        start_date=month,
        end_date=period["period_end"],
        billing_frequency="MONTHLY",
        currency="USD",
        timezone="UTC",
        total=sum((line.amount for line in lines), Decimal(0)),
        lines=tuple(lines),
        positions=Positions(partition=0, log=0, catalog=0),
    )


def _line(bill: int, number: int, cents: int, **more: Any) -> BillLine:
    quantity = Decimal(cents)
    said = {"unit": "call", "description": "Calls to the API", "amount": quantity / 100}
    return BillLine(
        id=_id("line", bill * LINES + number), number=number + 1, quantity=quantity, units=quantity, **said, **more
    )


def _made(of: object, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": _id("resource", of), "version": 1, "body": body}


def _id(kind: str, number: object) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind}/{number}"))
