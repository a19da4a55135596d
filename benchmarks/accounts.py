"""Accounts with a plan and a prepayment each, by the product's own command layer but many to a transaction.

Through HTTP, one commit a command, a thousand of them would take longer than what is to be measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import uuid4

from services.commands.bodies import parse_body
from services.commands.messages import CreateResource
from services.postgres import Postgres
from services.store.execute import execute, load_locked, now_of
from services.store.generations import load_generations

TERM = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
PER_TRANSACTION = 300


class Customer(NamedTuple):
    """An account and its prepayment, by id."""

    account: str
    prepayment: str


async def create_accounts(
    postgres: Postgres, organization: str, plan: str, codes: Sequence[str], prepaid: int
) -> dict[str, Customer]:
    """Create an account per code, on the plan and with a prepayment of so much; returns customers by code."""
    customers = {code: Customer(str(uuid4()), str(uuid4())) for code in codes}
    bodies = _bodies(customers, plan, prepaid)
    async with postgres.connection() as connection:
        generations = await load_generations(connection)
        while part := list(islice(bodies, PER_TRANSACTION)):
            async with connection.transaction():
                for kind, id, body in part:
                    resources = await load_locked(connection, organization)
                    command = CreateResource(kind, id, parse_body(kind, body), now_of(resources))
                    await execute(connection, resources, command, generations)
    return customers


def _bodies(customers: Mapping[str, Customer], plan: str, prepaid: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, id and body of everything to create, in order."""
    for code, (account, prepayment) in customers.items():
        yield "account", account, {"code": code, "name": code, "emailAddress": f"{code}@example.com"}
        yield "accountPlan", str(uuid4()), {"accountId": account, "planId": plan, "startDate": TERM["startDate"]}
        terms = {"amount": prepaid, "amountPrePaid": prepaid, "currency": "USD", "billingPlanId": plan, **TERM}
        yield "commitment", prepayment, {"accountId": account, **terms}
