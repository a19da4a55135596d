"""End-dating by m3ter's own client: everything that would still run ends there, and what may not is named with why."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import m3ter
import pytest
import pytest_asyncio
from m3ter import AsyncM3ter

from tests.catalog import YEAR
from tests.store.kit import Store

pytestmark = pytest.mark.stack

EVERYTHING = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"]


@dataclass(frozen=True)
class Customer:
    """An account with a plan of its own and a shared one, one of them under its contract; and a child."""

    store: Store
    account: str
    child: str
    contract: str
    #: Ids by what they are.
    ids: dict[str, str]

    async def versions(self) -> dict[str, int]:
        """The version of everything by its name."""
        query = "SELECT id, version FROM store.entities WHERE organization = $1"
        async with self.store.postgres.connection() as connection:
            rows = {row["id"]: row["version"] for row in await connection.fetch(query, self.store.organization)}
        return {name: rows[id] for name, id in self.ids.items()}


@pytest_asyncio.fixture(loop_scope="session")
async def customer(store: Store) -> AsyncIterator[Customer]:
    account = await store.account("parent")
    child = await store.account("child", parentAccountId=account)
    product = await store.create("product", code="p", name="P")
    shared_product = await store.create("product", code="s", name="S")
    meter = await store.create("meter", code="m", name="M", dataFields=[{"code": "n", "category": "MEASURE"}])
    aggregation = await store.create(
        "aggregation",
        name="A",
        meterId=meter,
        targetField="n",
        aggregation="SUM",
        rounding="NONE",
        quantityPerUnit=1,
        unit="1",
    )
    counter = await store.create("counter", name="Seats", unit="seat")
    contract = await store.create("contract", accountId=account, name="C", **YEAR)
    ids = {"contract": contract}
    for name, product_id, owner in (("own", product, account), ("shared", shared_product, None)):
        template = await store.create(
            "planTemplate",
            name=name,
            productId=product_id,
            currency="USD",
            billFrequency="MONTHLY",
            standingCharge=0,
        )
        plan = await store.create("plan", code=name, name=name, planTemplateId=template, accountId=owner)
        bands: Any = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 1}]
        ids[f"{name} price"] = await store.create(
            "pricing", planId=plan, aggregationId=aggregation, startDate="2026-01-01", pricingBands=bands
        )
        ids[f"{name} counter price"] = await store.create(
            "counterPricing", planId=plan, counterId=counter, startDate="2026-01-01", pricingBands=bands
        )
        ids[f"{name} plan"] = await store.create(
            "accountPlan",
            accountId=account,
            planId=plan,
            startDate="2026-01-01",
            contractId=contract if owner else None,
        )
    ids["under contract"] = await store.commitment(account, contractId=contract)
    ids["free"] = await store.commitment(account)
    ids["over"] = await store.commitment(account, startDate="2025-01-01", endDate="2026-01-01")
    ids["later"] = await store.commitment(account, startDate="2026-09-01")
    ids["of child"] = await store.commitment(child)
    yield Customer(store, account, child, contract, ids)


def changed(versions: dict[str, int]) -> set[str]:
    return {name for name, version in versions.items() if version > 1}


async def test_an_accounts_entities_end(sdk: AsyncM3ter, customer: Customer) -> None:
    told = await sdk.accounts.end_date_billing_entities(
        customer.account,
        billing_entities=EVERYTHING,  # type: ignore[arg-type]
        end_date="2026-06-01T00:00:00Z",
    )
    answer: Any = told.to_dict()
    assert answer["statusMessage"] == "7 updated, 1 failed"
    ids = customer.ids
    assert answer["updatedEntities"]["PREPAYMENT"] == {"empty": False, "ids": [ids["under contract"], ids["free"]]}
    assert answer["updatedEntities"]["CONTRACT"] == {"empty": False, "ids": [customer.contract]}
    assert answer["updatedEntities"]["PRICINGS"] == {"empty": False, "ids": [ids["own price"]]}
    why = "endDate: must not be before startDate"
    assert answer["failedEntities"]["PREPAYMENT"] == {
        "empty": False,
        "ids": [ids["later"]],
        "reasons": {ids["later"]: why},
    }
    assert answer["failedEntities"]["CONTRACT"] == {"empty": True, "ids": [], "reasons": {}}
    versions = await customer.versions()
    assert changed(versions) == {
        *("contract", "own price", "own counter price", "own plan", "shared plan", "under contract", "free"),
    }
    assert set(versions.values()) == {1, 2}
    assert (await sdk.commitments.retrieve(ids["free"])).end_date.isoformat() == "2026-06-01"  # type: ignore[union-attr]


async def test_a_second_time_changes_nothing(sdk: AsyncM3ter, customer: Customer) -> None:
    for _ in range(2):
        told = await sdk.accounts.end_date_billing_entities(
            customer.account, billing_entities=["PREPAYMENT"], end_date="2026-06-01"
        )
    assert told.status_message == "0 updated, 1 failed"
    assert max((await customer.versions()).values()) == 2


async def test_a_contract_ends_with_what_stands_under_it(sdk: AsyncM3ter, customer: Customer) -> None:
    told = await sdk.contracts.end_date_billing_entities(
        customer.contract,
        billing_entities=EVERYTHING,  # type: ignore[arg-type]
        end_date="2026-06-01",
    )
    assert told.status_message == "5 updated, 0 failed"
    assert changed(await customer.versions()) == {
        *("contract", "own price", "own counter price", "own plan", "under contract"),
    }


async def test_children_are_ended_if_they_are_asked_for(sdk: AsyncM3ter, customer: Customer) -> None:
    await sdk.accounts.end_date_billing_entities(
        customer.account, billing_entities=["PREPAYMENT"], end_date="2026-06-01", apply_to_children=True
    )
    assert changed(await customer.versions()) == {"under contract", "free", "of child"}


async def test_a_cancelled_commitment_keeps_its_end(sdk: AsyncM3ter, customer: Customer, http: Any) -> None:
    id = customer.ids["free"]
    cancelled = await http.post(f"/commitments/{id}/cancel", json={"date": "2026-08-01", "version": 1})
    assert cancelled.status_code == 200
    told = await sdk.accounts.end_date_billing_entities(
        customer.account, billing_entities=["PREPAYMENT"], end_date="2026-06-01"
    )
    answer: Any = told.to_dict()
    why = f"commitment {id} is cancelled and takes no further change"
    assert answer["failedEntities"]["PREPAYMENT"]["reasons"][id] == why


async def test_what_is_not_there_or_not_said_is_refused(sdk: AsyncM3ter, customer: Customer) -> None:
    with pytest.raises(m3ter.NotFoundError, match="there is no contract"):
        await sdk.contracts.end_date_billing_entities("none", billing_entities=["CONTRACT"], end_date="2026-06-01")
    with pytest.raises(m3ter.BadRequestError, match="billingEntities: must have at least 1 item"):
        await sdk.accounts.end_date_billing_entities(customer.account, billing_entities=[], end_date="2026-06-01")
