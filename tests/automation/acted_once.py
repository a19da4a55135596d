"""What rules of an organization find is raised and done, as by an API's process: an alert, a top-up and a bill, for the
arming that holds now; `again`: before it both acts of the arming before once more, as by one who comes second. For
`tests/killing.py`.

What a projector would find is worked out of the event store here, and what is unbilled is the same each time.
"""

import asyncio
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from events.facts.bills import BillIssued, Positions
from projections.alerts.due import alert_id
from projections.alerts.levels import armed_to_bill
from projections.alerts.rules import Rule, billing_rule, rule_of, top_up_rule
from projections.settlement import Billed
from services.alerts.raising import AlertRaiser
from services.automation import billing_ahead
from services.automation.acts import Due
from services.automation.billing_ahead import BillerAhead
from services.automation.topping_up import RuleTopUps
from services.postgres import Postgres, Role, open_postgres
from services.store.events import read_stream
from services.store.generations import Generations, load_generations
from services.store.view import OF_KIND, entity_of, load_config
from tests.exports.issuing import bill_of
from tests.killing import Counted, Work

DAY = date(2026, 2, 1)


async def held(connection: Any, organization: str, kind: str) -> Any:
    """The only resource of its kind."""
    [row] = await connection.fetch(OF_KIND, organization, kind)
    return entity_of(row)


def row_of(rule: Rule, subject: Any, account: Any, arming: str) -> dict[str, Any]:
    """What is due of a rule, with how its subject stands, as the read models have it."""
    return {
        "id": alert_id(rule, subject.id, arming), "root_id": account.id, "account_id": account.id, "rule_id": rule.id,
        "event_name": rule.event_name, "subject_id": subject.id, "arming": arming, "day": DAY, "as_of": DAY,
        "remaining": Decimal(5), "folded": subject.folded, "kind": "PREPAYMENT", "currency": "USD",
        "amount": Decimal(100), "spent": Decimal(95),
    }  # fmt: skip


async def act(postgres: Postgres, organization: str, generations: Generations, before: int) -> None:
    """All that is due, of so many armings before, too."""
    async with postgres.of(organization).connection() as connection:
        account = await held(connection, organization, "account")
        fund = await held(connection, organization, "commitment")
        alerting = rule_of(await held(connection, organization, "notificationConfiguration"))
        topping_up = top_up_rule(await held(connection, organization, "automaticTopUp"))
        billing = billing_rule(await held(connection, organization, "thresholdBilling"))
        issued = await read_stream(connection, organization, f"bills-{account.id}", generations.commands)
        resources = await load_config(connection, organization)
    raiser = AlertRaiser(postgres, lambda: generations)
    times = len(fund.top_ups)
    await raiser._raise(postgres.of(organization), organization, [row_of(alerting, fund, account, f"100/{times}")])
    for arming in range(max(0, times - before), times + 1):
        due = Due.of(row_of(topping_up, fund, account, f"100/{arming}"))
        await RuleTopUps(postgres, lambda: generations).act(organization, due)

    for count in range(max(0, len(issued) - before), len(issued) + 1):
        billed = Billed()
        for _, envelope in issued[:count]:
            billed.evolve(envelope.data)
        stand_in(organization, account, billed, resources, count)
        due = Due.of(row_of(billing, account, account, armed_to_bill(billed, account.id, "USD")))
        await BillerAhead(postgres, lambda: generations).act(organization, due)


def stand_in(organization: str, account: Any, billed: Billed, resources: Any, count: int) -> None:
    """So much is unbilled of the family as it stood after so many bills."""
    family = SimpleNamespace(billed=billed)
    positions = Positions(partition=account.partition, log=0, catalog=0)
    loaded = SimpleNamespace(
        organization=organization, root_id=account.id, family=family, resources=resources, positions=positions,
        bills_version=count, today=DAY,
    )  # fmt: skip
    draft = SimpleNamespace(account_id=account.id, currency="USD", total=Decimal(60), bill_date=DAY)

    async def load_page(*_: Any) -> dict[str, Any]:
        return {account.id: loaded}

    def issued_bill(*_: Any) -> BillIssued:
        return bill_of(root=account.id).model_copy(update={"account_id": account.id})

    vars(billing_ahead).update(load_page=load_page, draft_ahead=lambda *_: draft, issued_bill=issued_bill)


async def acted(url: str, organization: str, before: int) -> None:
    """By a process of its own."""
    async with open_postgres(url, role=Role.API) as postgres:
        async with postgres.of(organization).connection() as connection:
            generations = await load_generations(connection)
        await act(postgres, organization, generations, before)


def act_once(url: str, organization: str) -> Work:
    """Of the organization that is named; nothing comes of it but what it does."""

    def work(counted: Counted, /, *words: str) -> int:
        with counted():
            asyncio.run(acted(url, organization, before=len(words)))
        return 0

    return work
