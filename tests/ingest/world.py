"""A small organization for the tests of ingest: facts as the decider makes them, usage as publishers send it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from events.facts.base import Fact, Route
from events.facts.catalog import (
    AggregationCreated,
    MeterCreated,
    PlanCreated,
    PlanTemplateCreated,
    PricingCreated,
    ProductCreated,
)
from events.facts.resources import AccountCreated, AccountPlanCreated, OrganizationConfigured
from events.topics import partition_of
from tests.api_client import CONFIG

PRICES = [
    {"lowerLimit": "0", "fixedPrice": "0", "unitPrice": "0.01"},
    {"lowerLimit": "100", "fixedPrice": "5", "unitPrice": "0.005"},
]
FIELDS = [
    {"code": "tokens", "category": "MEASURE"},
    {"code": "latency", "category": "MEASURE"},
    {"code": "income", "category": "INCOME"},
    {"code": "user", "category": "WHO"},
    {"code": "region", "category": "WHERE"},
    {"code": "note", "category": "METADATA"},
]


def an_id(*names: object) -> str:
    """A stable id of the wire's length."""
    return str(uuid5(NAMESPACE_OID, "/".join(map(str, names))))


class World:
    """One organization with a meter "llm", a summed, tiered price of tokens and accounts "acme-0", "acme-1", ..."""

    def __init__(
        self, organization: str, partitions: int, *, accounts: int = 3, covered: bool = True, **configured: Any
    ) -> None:
        self.organization, self.partitions, self.configured = organization, partitions, configured
        self.codes = [f"acme-{number}" for number in range(accounts)]
        self.covered = covered

    def id(self, *names: object) -> str:
        """An id of this organization."""
        return an_id(self.organization, *names)

    def account_id(self, code: str) -> str:
        """Id of an account."""
        return self.id("account", code)

    def partition(self, code: str) -> int:
        """Where the account's log lies."""
        return partition_of(self.organization, code, self.partitions)

    def facts(self) -> list[tuple[Fact, int | None]]:
        """Everything, in the order of creation, each with its partition (None: the catalog only)."""
        found: list[tuple[Fact, int | None]] = [(fact, None) for fact in self._catalog()]
        for code in self.codes:
            found += self.account(code)
        return found

    def _catalog(self) -> list[Fact]:
        config = CONFIG | {"timezone": "Europe/Berlin"} | self.configured
        product, meter, sums = self.id("product"), self.id("meter"), self.id("sum")
        template, plan = self.id("template"), self.id("plan")
        aggregation = {
            "name": "Tokens",
            "meterId": meter,
            "targetField": "tokens",
            "aggregation": "SUM",
            "rounding": "NONE",
            "quantityPerUnit": "1",
            "unit": "token",
        }
        latest = {**aggregation, "name": "Most", "targetField": "latency", "aggregation": "MAX"}
        terms = {
            "name": "T",
            "productId": product,
            "currency": "USD",
            "billFrequency": "MONTHLY",
            "standingCharge": "0",
        }
        price = {"planId": plan, "aggregationId": sums, "startDate": "2024-01-01", "pricingBands": PRICES}
        return [
            _made(OrganizationConfigured, self.organization, config),
            _made(ProductCreated, product, {"code": "ai", "name": "AI"}),
            _made(MeterCreated, meter, {"code": "llm", "name": "LLM", "dataFields": FIELDS}),
            _made(AggregationCreated, sums, aggregation),
            _made(AggregationCreated, self.id("most"), latest),
            _made(PlanTemplateCreated, template, terms),
            _made(PlanCreated, plan, {"code": "std", "name": "Std", "planTemplateId": template}),
            _made(PricingCreated, self.id("pricing"), {**price, "cumulative": True}),
        ]

    def account(self, code: str) -> list[tuple[Fact, int | None]]:
        """An account on the plan, or without one in a world that is not covered."""
        account_id, partition = self.account_id(code), self.partition(code)
        body = {"code": code, "name": code, "emailAddress": "a@example.org"}
        created = AccountCreated.model_validate(
            {
                "id": account_id,
                "version": 1,
                "body": body,
                "rootId": account_id,
                "partition": partition,
                "timezone": "Europe/Berlin",
            }
        )
        if not self.covered:
            return [(created, partition)]
        attached = {"accountId": account_id, "planId": self.id("plan"), "startDate": "2024-01-01"}
        return [(created, partition), (_made(AccountPlanCreated, self.id("ap", code), attached), partition)]

    def event(self, usage_id: str, code: str = "acme-0", tokens: Any = 10, **changes: Any) -> dict[str, Any]:
        """A usage event; `changes` replace attributes, or members of `data` under the key `data`."""
        data = {"meter": "llm", "measure": {"tokens": tokens}, **changes.pop("data", {})}
        return {
            "specversion": "1.0",
            "id": usage_id,
            "source": "tests",
            "type": "trueup.usage",
            "subject": code,
            "time": "2026-01-15T12:00:00Z",
            "organization": self.organization,
            "data": data,
            **changes,
        }

    def usage(self, usage_id: str, code: str = "acme-0", tokens: Any = 10, **changes: Any) -> bytes:
        """The event's bytes."""
        return json.dumps(self.event(usage_id, code, tokens, **changes)).encode()


def _made(fact: Any, fact_id: str, body: dict[str, Any]) -> Fact:
    made: Fact = fact.model_validate({"id": fact_id, "version": 1, "body": body})
    return made


def goes_to_catalog(fact: Fact) -> bool:
    """Whether the relay carries the fact to `billing.catalog`."""
    return fact.route in (Route.CATALOG, Route.BOTH)


NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
