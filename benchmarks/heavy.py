"""Accounts that cost more than others, to be measured beside: do they slow anybody but themselves?

Each has the plan and the prepayment that everybody has. `hot` has half of all usage, as much as all others together,
who have as much as without it; `commitments` has a thousand prepayments, and usage all the time; `segments` has usage
of ten thousand segments in its day, of which a thousand have a price of their own, as many as an aggregation may have.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from benchmarks.accounts import TERM, Make, create_accounts, create_all
from benchmarks.running import ORGANIZATION, until_projected
from benchmarks.steady import BURST_SECONDS, Made
from benchmarks.workload import FIELD, METER, PREPAID, START, calls_of, usage
from events.resources.notifications import USED
from events.topics import partition_of, usage_key
from services.kafka import Record
from services.postgres import open_postgres
from services.run.up import System

COMMITMENTS, SEGMENTS, PRICED = 1_000, 10_000, 1_000
SEGMENTED = "segmented"
_PLAN = "SELECT id FROM store.entities WHERE kind = 'plan' AND organization = $1"


@dataclass(frozen=True, slots=True)
class Kind:
    """`own` is how many events a second the account has where all others have so many; `create` what it has besides, by
    account; `more` what the data of its event with this number have besides.
    """

    own: Callable[[int], int]
    create: Callable[[str], Iterator[Make]]
    meter: str = METER
    more: Callable[[int], str] = lambda number: ""


def _nothing(account: str) -> Iterator[Make]:
    return iter(())


def _commitments(account: str) -> Iterator[Make]:
    terms = {"accountId": account, "amount": PREPAID, "amountPrePaid": PREPAID, "currency": "USD", **TERM}
    for _ in range(COMMITMENTS - 1):
        yield "commitment", str(uuid4()), terms


def _segments(account: str) -> Iterator[Make]:
    # An account has one plan of a product, so this is another one.
    product, template, plan, meter, aggregation = (str(uuid4()) for _ in range(5))
    terms = {"currency": "USD", "billFrequency": "MONTHLY", "standingCharge": 0}
    yield "product", product, {"code": SEGMENTED, "name": SEGMENTED}
    yield "planTemplate", template, {"name": SEGMENTED, "productId": product, **terms}
    fields = [
        {"code": FIELD, "name": "Calls", "category": "MEASURE", "unit": "1"},
        {"code": "user", "name": "User", "category": "WHO"},
    ]
    yield "meter", meter, {"code": SEGMENTED, "name": SEGMENTED, "productId": product, "dataFields": fields}
    added = {"name": SEGMENTED, "meterId": meter, "targetField": FIELD, "aggregation": "SUM", "rounding": "NONE"}
    priced = [{"user": _user(number)} for number in range(PRICED)]
    unit = {"quantityPerUnit": 1, "unit": "call", "segmentedFields": ["user"], "segments": priced}
    yield "aggregation", aggregation, added | unit
    yield "plan", plan, {"code": SEGMENTED, "name": SEGMENTED, "planTemplateId": template}
    bands = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.01}]
    day = f"{START:%Y-%m-%d}"
    for segment in priced:
        body = {"planId": plan, "aggregationId": aggregation, "segment": segment, "startDate": day}
        yield "pricing", str(uuid4()), body | {"pricingBands": bands}
    yield "accountPlan", str(uuid4()), {"accountId": account, "planId": plan, "startDate": TERM["startDate"]}


def _user(number: int) -> str:
    return f"user-{number % SEGMENTS:05}"


KINDS = {
    "hot": Kind(lambda rate: rate, _nothing),
    "commitments": Kind(lambda rate: round(1 / BURST_SECONDS), _commitments),
    "segments": Kind(
        lambda rate: round(10 / BURST_SECONDS),
        _segments,
        SEGMENTED,
        # Neighbours are apart, so that those with a price come all the time.
        lambda number: f',"who":{{"user":"{_user(number * 7)}"}}',
    ),
}


async def create(system: System, connection: Any, names: Sequence[str], others: int) -> None:
    """An account of each of these kinds beside so many others. Raises: NotFinishedError."""
    plan = await connection.fetchval(_PLAN, ORGANIZATION)
    balances = others + len(names) + (COMMITMENTS - 1) * ("commitments" in names)
    url = system.endpoints.database_url
    customers = await create_accounts(url, ORGANIZATION, plan, names, PREPAID)
    async with open_postgres(url, most=1) as postgres:
        for name, customer in customers.items():
            await create_all(postgres, ORGANIZATION, KINDS[name].create(customer.account))
    await until_projected(system, balances)


async def create_rules(system: System, count: int, others: int) -> None:
    """Alert rules of the organization, which look at every account and find nothing: from half of a prepayment on, of
    which usage takes far less. Raises: NotFinishedError."""

    def rule(number: int) -> Make:
        threshold = 50 + 50 * number / count
        body = {"name": "n", "description": "d", "eventName": USED, "code": f"r-{number}", "threshold": threshold}
        return "notificationConfiguration", str(uuid4()), body

    rules = (rule(number) for number in range(count))
    async with open_postgres(system.endpoints.database_url, most=1) as postgres:
        await create_all(postgres, ORGANIZATION, rules)
    await until_projected(system, others)


def events(name: str, rate: int, bursts: int, partitions: int) -> list[Made]:
    """What the account has in each of so many bursts, where all others have so many events a second; none of it is
    watched.
    """
    kind, key = KINDS[name], usage_key(ORGANIZATION, name)
    each = round(kind.own(rate) * BURST_SECONDS)
    partition = partition_of(ORGANIZATION, name, partitions)

    def record(number: int) -> Record:
        moment = START + timedelta(milliseconds=number)
        name_of = f"{name} {number}".encode()
        value = usage(ORGANIZATION, name, name_of, moment, calls_of(number), kind.meter, kind.more(number))
        return Record(key, value)

    return [Made(partition, [record(burst * each + number) for number in range(each)], {}) for burst in range(bursts)]
