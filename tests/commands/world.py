"""Given, when, then: billing sentences over `decide`, with all resources in memory."""

from datetime import UTC, date, datetime
from typing import Any, Self
from uuid import NAMESPACE_OID, uuid5

import pytest

from events.codec import decode, encode
from events.envelope import seal
from events.facts.base import Fact
from events.resources.organization import OrganizationConfig
from projections.resources import Resources
from services.commands.bodies import parse_body, parse_model
from services.commands.decide import decide
from services.commands.messages import (
    AdvanceClock,
    CancelCommitment,
    Command,
    ConfigureOrganization,
    CreateResource,
    DeleteResource,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.refused import CommandError
from tests import api_client
from tests.catalog import TERM, YEAR, flat

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG: dict[str, Any] = api_client.CONFIG | {"timezone": "Europe/Berlin"}
#: The least that a body needs; `name` of a resource stands for its id in tests.
LEAST: dict[str, dict[str, Any]] = {
    "product": {"code": "p", "name": "P"},
    "meter": {"code": "m", "name": "M", "dataFields": [{"code": "n", "category": "MEASURE"}]},
    "aggregation": {
        "name": "A", "targetField": "n", "aggregation": "SUM", "rounding": "NONE", "quantityPerUnit": 1, "unit": "1",
    },
    "compoundAggregation": {
        "name": "Both", "calculation": "aggregation.units / 60", "rounding": "NONE", "quantityPerUnit": 1, "unit": "1",
    },
    "planTemplate": {"name": "T", "currency": "USD", "billFrequency": "MONTHLY", "standingCharge": 0},
    "plan": {"code": "plan", "name": "Plan"},
    "pricing": {"startDate": "2026-01-01", "pricingBands": flat(1)},
    "account": {"code": "acme", "name": "Acme", "emailAddress": "a@example.com"},
    "planGroup": {"name": "Group", "currency": "USD"},
    "planGroupLink": {},
    "accountPlan": {"startDate": "2026-01-01"},
    "contract": {"name": "C", **YEAR},
    "commitment": {"amount": 100, **TERM},
    "balance": {"code": "b", "name": "B", **TERM},
    "counter": {"name": "Seats", "unit": "seat"},
    "counterPricing": {"startDate": "2026-01-01", "pricingBands": flat(1)},
    "counterAdjustment": {"date": "2026-02-01", "value": 5},
    "charge": {
        "code": "x", "name": "X", "currency": "USD", "entityType": "AD_HOC", "lineItemType": "AD_HOC", "amount": 5,
        "servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2026-02-01",
    },
    "balanceTransactionSchedule": {
        "code": "refill", "name": "Refill", "amount": 10, "startDate": "2026-01-31", "endDate": "2026-12-31",
        "frequency": "MONTHLY", "frequencyInterval": 1, "transactionDescription": "", "transactionTypeId": "t",
    },
    "balanceChargeSchedule": {
        "code": "keeping", "name": "Keeping", "currency": "USD", "amount": 2, "billFrequency": "MONTHLY",
        "billFrequencyInterval": 1, "billInAdvance": True, "chargeDescription": "",
        "servicePeriodStartDate": "2026-01-15", "servicePeriodEndDate": "2026-12-31",
    },
    "currency": {"name": "US dollar"},
    "creditReason": {"name": "Goodwill"},
    "debitReason": {"name": "Late fee"},
    "transactionType": {"name": "Bank transfer"},
    "billConfig": {},
    "statementConfig": {"seller": {"name": "Seller"}},
    "notificationConfiguration": {
        "name": "Half", "code": "half", "description": "Half is used", "eventName": "alert.funds.used", "threshold": 50,
    },
    "automaticTopUp": {
        "name": "Refill", "code": "refill", "currency": "USD", "threshold": 20, "amount": 50, "maxTimes": 3,
    },
    "thresholdBilling": {"name": "Above 500", "code": "above", "currency": "USD", "threshold": 500},
}  # fmt: skip


def id_of(name: str) -> str:
    """The id that a test's name for a resource stands for."""
    return str(uuid5(NAMESPACE_OID, name))


def document(kind: str, **more: Any) -> dict[str, Any]:
    """The least body of a kind with these members; a value `@name` is that resource's id, None takes a member out."""
    merged = LEAST[kind] | more
    return {key: _named(value) for key, value in merged.items() if value is not None}


def _named(value: Any) -> Any:
    if isinstance(value, list):
        return [_named(entry) for entry in value]
    return id_of(value[1:]) if isinstance(value, str) and value.startswith("@") else value


def create(kind: str, name: str, **more: Any) -> Command:
    return CreateResource(kind, id_of(name), parse_body(kind, document(kind, **more)), NOW)


def update(kind: str, name: str, version: int | None, effective: date | None = None, **more: Any) -> Command:
    return UpdateResource(kind, id_of(name), parse_body(kind, document(kind, **more)), version, NOW, effective)


def delete(kind: str, name: str, *, drawn: bool = False, force: bool = False, effective: date | None = None) -> Command:
    return DeleteResource(kind, id_of(name), force, drawn, NOW, effective)


def configure(version: int | None = None, **more: Any) -> Command:
    return ConfigureOrganization(parse_model(OrganizationConfig, CONFIG | more), version, NOW)


class Story:
    """What was commanded so far. Every fact goes through its wire form before it is applied."""

    def __init__(self) -> None:
        self.resources = Resources("org")
        self.position = 0
        self._asked: Command | None = None

    def given(self, *commands: Command) -> Self:
        for command in commands:
            self.apply(decide(self.resources, command, 8))
        return self

    def apply(self, facts: list[Fact]) -> None:
        for fact in facts:
            self.position += 1
            sealed = seal(fact, source="s", sequence=self.position, organization="org", time=NOW)
            self.resources.evolve(decode(encode(sealed)))

    def when(self, command: Command) -> Self:
        self._asked = command
        return self

    @property
    def asked(self) -> Command:
        assert self._asked is not None
        return self._asked

    def then(self, *types: type[Fact]) -> list[Any]:
        """These facts and no others, which are applied; returns them."""
        facts = decide(self.resources, self.asked, 8)
        assert [type(fact) for fact in facts] == list(types)
        self.apply(facts)
        return facts

    def refused(self, error: type[CommandError], message: str) -> None:
        """This error, with these words in its message."""
        with pytest.raises(error) as caught:
            decide(self.resources, self.asked, 8)
        assert type(caught.value) is error
        assert message in str(caught.value)


def catalog() -> list[Command]:
    """A product with a plan, a meter and an aggregation, and one account."""
    return [
        configure(),
        create("product", "product"),
        create("meter", "meter"),
        create("aggregation", "aggregation", meterId="@meter"),
        create("planTemplate", "template", productId="@product"),
        create("plan", "plan", planTemplateId="@template"),
        create("account", "acme"),
    ]


def commitment(name: str = "commitment", **more: Any) -> Command:
    return create("commitment", name, accountId="@acme", **more)


def given(*commands: Command) -> Story:
    """A story that begins with the catalog and these commands."""
    return Story().given(*catalog(), *commands)


__all__ = [
    "NOW", "AdvanceClock", "CancelCommitment", "Story", "TopUpCommitment", "TransactBalance", "catalog", "commitment",
    "configure", "create", "delete", "document", "given", "id_of", "update",
]  # fmt: skip
