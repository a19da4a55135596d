"""Compound aggregations, plan groups and their links by m3ter's own client, as far as they are made, found and kept."""

from typing import Any

import m3ter
import pytest
from m3ter import AsyncM3ter

from services.billing.selection import Selection, pages
from tests.store.kit import Store

pytestmark = pytest.mark.stack

BANDS: Any = [{"lower_limit": 0, "fixed_price": 0, "unit_price": 0.5}]


async def a_plan(sdk: AsyncM3ter, code: str, frequency: Any = "MONTHLY") -> tuple[str, str]:
    """A plan of a product of its own: their ids."""
    product = await sdk.products.create(code=code, name=code)
    template = await sdk.plan_templates.create(
        name=code, product_id=product.id, currency="USD", bill_frequency=frequency, standing_charge=0
    )
    return product.id, (await sdk.plans.create(code=code, name=code, plan_template_id=template.id)).id


async def units(sdk: AsyncM3ter, **more: Any) -> str:
    meter = await sdk.meters.create(
        code="api", name="API", data_fields=[{"code": "n", "name": "N", "category": "MEASURE"}], derived_fields=[]
    )
    aggregation = await sdk.aggregations.create(
        name="Units",
        meter_id=meter.id,
        target_field="n",
        aggregation="SUM",
        rounding="NONE",
        quantity_per_unit=1,
        unit="1",
        **more,
    )
    return aggregation.id


async def test_a_compound_aggregation_is_made_priced_found_changed_and_kept(sdk: AsyncM3ter) -> None:
    product, plan = await a_plan(sdk, "basic")
    aggregation = await units(sdk, code="units")
    common: Any = {"name": "Minutes", "rounding": "UP", "quantity_per_unit": 1, "unit": "minute", "product_id": product}
    made = await sdk.compound_aggregations.create(calculation="aggregation.units / 60", code="minutes", **common)
    compound = await sdk.compound_aggregations.retrieve(made.id)
    assert (compound.calculation, compound.version) == ("aggregation.units / 60", 1)
    pricing = await sdk.pricings.create(
        plan_id=plan, compound_aggregation_id=made.id, start_date="2026-01-01T00:00:00Z", pricing_bands=BANDS
    )
    assert (pricing.compound_aggregation_id, pricing.aggregation_id) == (made.id, None)
    for wanted in ({"codes": ["minutes"]}, {"ids": [made.id]}, {"product_id": [product]}):
        assert [compound.id async for compound in sdk.compound_aggregations.list(**wanted)] == [made.id], wanted  # type: ignore[arg-type]
    assert [compound.id async for compound in sdk.compound_aggregations.list(codes=["other"])] == []
    with pytest.raises(m3ter.BadRequestError, match="no aggregation has that code"):
        await sdk.compound_aggregations.create(calculation="aggregation.none", **common)
    changed = await sdk.compound_aggregations.update(made.id, calculation="2 * aggregation.units", version=1, **common)
    assert (changed.code, changed.version) == (None, 2)
    for kept in (sdk.compound_aggregations.delete(made.id), sdk.aggregations.delete(aggregation)):
        with pytest.raises(m3ter.ConflictError, match="refers to it"):
            await kept
    await sdk.pricings.delete(pricing.id)
    assert (await sdk.compound_aggregations.delete(made.id)).id == made.id
    assert (await sdk.aggregations.delete(aggregation)).id == aggregation


async def test_an_aggregation_that_a_formula_names_keeps_its_code(sdk: AsyncM3ter) -> None:
    aggregation = await units(sdk, code="units")
    await sdk.compound_aggregations.create(
        name="Double", calculation="2 * aggregation.units", rounding="NONE", quantity_per_unit=1, unit="1"
    )
    aggregation_read = await sdk.aggregations.retrieve(aggregation)
    fields: Any = {"name": "Units", "meter_id": aggregation_read.meter_id, "target_field": "n", "aggregation": "SUM"}
    fields |= {"rounding": "NONE", "quantity_per_unit": 1, "unit": "1", "version": 1}
    with pytest.raises(m3ter.BadRequestError, match="code: is named in the calculation"):
        await sdk.aggregations.update(aggregation, code="others", **fields)
    assert (await sdk.aggregations.update(aggregation, code="units", **fields)).version == 2


async def test_a_plan_group_is_made_filled_attached_found_and_kept(sdk: AsyncM3ter, store: Store) -> None:
    _, plan = await a_plan(sdk, "one")
    account = await store.account()
    group = await sdk.plan_groups.create(
        name="Both", currency="USD", minimum_spend=250, account_id=account, code="both"
    )
    assert (group.minimum_spend, group.account_id, group.version) == (250, account, 1)
    link = await sdk.plan_group_links.create(plan_group_id=group.id, plan_id=plan)
    assert (link.plan_group_id, link.plan_id) == (group.id, plan)
    attached = await sdk.account_plans.create(account_id=account, plan_group_id=group.id, start_date="2026-01-01")
    assert (attached.plan_group_id, attached.plan_id) == (group.id, None)
    assert [plan_group.id async for plan_group in sdk.plan_groups.list(account_id=[account])] == [group.id]
    assert [plan_group.id async for plan_group in sdk.plan_groups.list(ids=[group.id])] == [group.id]
    for wanted in ({"plan": plan}, {"plan_group": group.id}, {"ids": [link.id]}):
        assert [plan_group_link.id async for plan_group_link in sdk.plan_group_links.list(**wanted)] == [link.id], (
            wanted
        )
    assert [plan_group_link.id async for plan_group_link in sdk.plan_group_links.list(plan=group.id)] == []
    for kept in (sdk.plan_groups.delete(group.id), sdk.plans.delete(plan)):
        with pytest.raises(m3ter.ConflictError, match="refers to it"):
            await kept
    changed = await sdk.plan_groups.update(
        group.id, name="Both", currency="USD", minimum_spend=100, account_id=account, version=1
    )
    assert (changed.minimum_spend, changed.version) == (100, 2)
    assert (await sdk.plan_group_links.delete(link.id)).id == link.id
    await sdk.account_plans.delete(attached.id)
    assert (await sdk.plan_groups.delete(group.id)).id == group.id


async def test_a_product_is_attached_once_whichever_way(sdk: AsyncM3ter, store: Store) -> None:
    (_, first_plan), (_, second_plan) = [await a_plan(sdk, code) for code in ("one", "two")]
    account = await store.account()
    group = await sdk.plan_groups.create(name="Group", currency="USD")
    await sdk.plan_group_links.create(plan_group_id=group.id, plan_id=first_plan)
    on: Any = {"account_id": account, "start_date": "2026-01-01"}
    await sdk.account_plans.create(plan_group_id=group.id, **on)
    await sdk.account_plans.create(plan_id=second_plan, **on)
    with pytest.raises(m3ter.APIStatusError, match="of the same product"):
        await sdk.account_plans.create(plan_id=first_plan, **on)
    with pytest.raises(m3ter.APIStatusError, match="of the same product"):
        await sdk.plan_group_links.create(plan_group_id=group.id, plan_id=second_plan)


async def test_a_job_of_a_frequency_takes_those_on_a_group_of_such_plans(sdk: AsyncM3ter, store: Store) -> None:
    _, plan = await a_plan(sdk, "weekly", "WEEKLY")
    account, _ = await store.account("on"), await store.account("off")
    group = await sdk.plan_groups.create(name="Group", currency="USD")
    await sdk.plan_group_links.create(plan_group_id=group.id, plan_id=plan)
    await sdk.account_plans.create(account_id=account, plan_group_id=group.id, start_date="2026-01-01")
    for frequency, wanted in (("WEEKLY", [account]), ("MONTHLY", [])):
        pages_read = [page async for page in pages(store.postgres, store.organization, Selection((), frequency))]
        assert [target.root_id for page in pages_read for target in page] == wanted


async def test_a_contract_that_ends_ends_prices_of_own_plans_in_its_groups(sdk: AsyncM3ter, store: Store) -> None:
    product, _ = await a_plan(sdk, "shared")
    [template] = [plan_template.id async for plan_template in sdk.plan_templates.list(product_id=product)]
    account = await store.account()
    plan = await sdk.plans.create(code="own", name="Own", plan_template_id=template, account_id=account)
    pricing = await sdk.pricings.create(
        plan_id=plan.id, aggregation_id=await units(sdk), start_date="2026-01-01T00:00:00Z", pricing_bands=BANDS
    )
    group = await sdk.plan_groups.create(name="Group", currency="USD", account_id=account)
    await sdk.plan_group_links.create(plan_group_id=group.id, plan_id=plan.id)
    contract = await sdk.contracts.create(account_id=account, name="C", start_date="2026-01-01", end_date="2027-01-01")
    await sdk.account_plans.create(
        account_id=account, plan_group_id=group.id, contract_id=contract.id, start_date="2026-01-01"
    )
    await sdk.contracts.end_date_billing_entities(
        contract.id, billing_entities=["PRICINGS"], end_date="2026-06-01T00:00:00Z"
    )
    assert str((await sdk.pricings.retrieve(pricing.id)).end_date).startswith("2026-06-01")
