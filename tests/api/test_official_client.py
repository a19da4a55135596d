"""m3ter's own Python client, unchanged, against Trueup."""

import asyncio
import importlib
import typing
from datetime import date
from typing import Any

import httpx
import m3ter
import pytest
from m3ter import AsyncM3ter

from services.commands.table import KINDS
from tests.api_client import CONFIG, http_client
from tests.official import official_blocking_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack

#: Fields of m3ter that Trueup refuses by name instead of accepting and ignoring them.
NOT_OFFERED = {
    "aggregation": {"customSql"},
}
#: Fields that are taken and are no part of the resource: a secret stands in no log.
WRITTEN_BESIDE = {"webhook": {"credentials"}}
#: Kinds that m3ter has not.
OURS = {"automaticTopUp", "thresholdBilling"}


def wire_name(name: str, hint: Any) -> str:
    for note in getattr(hint, "__metadata__", ()):
        if getattr(note, "alias", None):
            return str(note.alias)
    inner = typing.get_args(hint)
    return (
        wire_name(name, inner[0])
        if inner and typing.get_origin(hint) in (typing.Required, typing.NotRequired)
        else name
    )


def snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if not kind.single and kind.name not in OURS], ids=lambda kind: kind.name
)
def test_every_field_that_the_client_can_send_is_a_field_of_the_model(kind: Any) -> None:
    above, name = (kind.within[1], kind.name.removeprefix(kind.within[1])) if kind.within else ("", kind.name)
    types = f"m3ter.types.{above}s" if above else "m3ter.types"
    module = importlib.import_module(f"{types}.{snake(name).removeprefix('_')}_create_params")
    params = getattr(module, name[0].upper() + name[1:] + "CreateParams")
    hints = typing.get_type_hints(params, include_extras=True)
    sent = {wire_name(name, hint) for name, hint in hints.items()} - {"orgId", "version"}
    known = {field.alias for field in kind.model.model_fields.values()}
    assert sent - known == NOT_OFFERED.get(kind.name, set()) | WRITTEN_BESIDE.get(kind.name, set())


async def a_plan(sdk: AsyncM3ter) -> tuple[str, str]:
    """A product with a plan; returns their ids."""
    product = await sdk.products.create(code="platform", name="Platform")
    template = await sdk.plan_templates.create(
        name="t", product_id=product.id, currency="USD", bill_frequency="MONTHLY", standing_charge=0
    )
    plan = await sdk.plans.create(code="plan", name="Plan", plan_template_id=template.id)
    return product.id, plan.id


async def test_charges_are_put_on_an_account_found_changed_and_taken_off(sdk: AsyncM3ter, store: Store) -> None:
    account = await store.account()
    wallet = await store.create(
        "balance",
        accountId=account,
        **{"code": "wallet", "name": "W", "currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"},
    )
    period: Any = {
        "service_period_start_date": "2026-01-01T00:00:00Z",
        "service_period_end_date": "2026-02-01T00:00:00Z",
    }
    common: Any = {"account_id": account, "currency": "USD", **period}
    charge = await sdk.charges.create(
        code="a", name="A", entity_type="AD_HOC", line_item_type="AD_HOC", units=3, unit_price=1.5, **common
    )
    fee = await sdk.charges.create(
        code="f", name="F", entity_type="BALANCE", entity_id=wallet, line_item_type="BALANCE_FEE", amount=2, **common,
        bill_date="2026-03-01",
    )  # fmt: skip
    for wanted, found in (
        ({"entity_type": "AD_HOC"}, [charge.id]),
        ({"entity_id": wallet}, [fee.id]),
        ({"bill_date": "2026-03-01"}, [fee.id]),
        ({"account_id": account}, [fee.id, charge.id]),
        ({"ids": [charge.id]}, [charge.id]),
        ({"schedule_id": wallet}, []),
    ):
        wanted_now: Any = wanted
        assert [one.id async for one in sdk.charges.list(**wanted_now)] == found, wanted
    changed = await sdk.charges.update(
        charge.id, code="a", name="A", entity_type="AD_HOC", line_item_type="AD_HOC", amount=5, version=1, **common
    )
    assert (changed.amount, changed.units, changed.version) == (5, None, 2)
    assert (await sdk.charges.delete(charge.id)).id == charge.id
    with pytest.raises(m3ter.NotFoundError):
        await sdk.charges.retrieve(charge.id)
    with pytest.raises(m3ter.ConflictError, match="charge"):
        await sdk.balances.delete(wallet)


async def test_the_whole_way_to_a_priced_account(sdk: AsyncM3ter) -> None:
    product, plan = await a_plan(sdk)
    meter = await sdk.meters.create(
        code="api",
        name="API",
        product_id=product,
        data_fields=[{"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}],
        derived_fields=[],
    )
    aggregation = await sdk.aggregations.create(
        name="calls",
        meter_id=meter.id,
        target_field="calls",
        aggregation="SUM",
        rounding="NONE",
        quantity_per_unit=1,
        unit="1",
    )
    pricing = await sdk.pricings.create(
        plan_id=plan,
        aggregation_id=aggregation.id,
        start_date="2026-01-01T00:00:00Z",
        pricing_bands=[{"lower_limit": 0, "fixed_price": 0, "unit_price": 0.0025}],
    )
    assert pricing.pricing_bands is not None and pricing.pricing_bands[0].unit_price == 0.0025
    account = await sdk.accounts.create(code="acme", name="Acme", email_address="a@example.com")
    held = await sdk.account_plans.create(account_id=account.id, plan_id=plan, start_date="2026-01-01")
    listed = [entry async for entry in sdk.account_plans.list(account=account.id)]
    assert [entry.id for entry in listed] == [held.id]
    assert [entry.id async for entry in sdk.plans.list(product_id=product)] == [plan]
    assert [entry.id async for entry in sdk.account_plans.list(product=product)] == [held.id]


async def test_a_commitment_lives_its_life(sdk: AsyncM3ter) -> None:
    account = await sdk.accounts.create(code="acme", name="Acme", email_address="a@example.com")
    made = await sdk.commitments.create(
        account_id=account.id,
        amount=12000,
        currency="USD",
        start_date=date(2026, 1, 1),
        end_date=date(2027, 1, 1),
        overage_surcharge_percent=10.5,
    )
    assert (made.version, made.amount, made.start_date) == (1, 12000, date(2026, 1, 1))
    assert made.amount_spent == 0
    assert made.dt_created is not None and made.fee_dates is None
    changed = await sdk.commitments.update(
        made.id,
        account_id=account.id,
        amount=15000,
        currency="USD",
        start_date=date(2026, 1, 1),
        end_date=date(2027, 1, 1),
        version=1,
    )
    assert (changed.version, changed.amount, changed.overage_surcharge_percent) == (2, 15000, None)
    assert (await sdk.commitments.retrieve(made.id)).to_dict() == changed.to_dict()
    found = await sdk.commitments.search(search_query=f"startDate>2025-01-01$accountId:{account.id}")
    assert found.data is not None and [entry.id for entry in found.data] == [made.id]
    gone = await sdk.commitments.delete(made.id)
    assert gone.id == made.id
    with pytest.raises(m3ter.NotFoundError, match="there is no commitment"):
        await sdk.commitments.retrieve(made.id)


async def test_a_conflict_is_not_retried(sdk: AsyncM3ter, store: Store) -> None:
    account = await store.account("acme")
    tried: list[str] = []

    async def count(request: httpx.Request) -> None:
        tried.append(request.method)

    sdk._client.event_hooks["request"].append(count)
    with pytest.raises(m3ter.ConflictError, match=r"version: account .* is at version 1, not 7"):
        await sdk.accounts.update(account, code="acme", name="Acme", email_address="a@example.com", version=7)
    assert tried == ["PUT"]


async def test_pages_end(sdk: AsyncM3ter, store: Store) -> None:
    ids = [await store.create("product", code=f"p{number}", name="P") for number in range(7)]
    pages = [entry.id async for entry in sdk.products.list(page_size=3)]
    assert pages == ids[::-1]
    assert [entry.id async for entry in sdk.products.list(ids=ids[2:4])] == [ids[3], ids[2]]


async def test_children_of_an_account_are_listed(sdk: AsyncM3ter, store: Store) -> None:
    parent, other = await store.account(), await store.account()
    children = [await store.account(parentAccountId=parent) for _ in range(3)]
    listed = [entry async for entry in sdk.accounts.list_children(parent, page_size=2)]
    assert [entry.id for entry in listed] == children[::-1]
    assert listed[0].to_dict() == (await sdk.accounts.retrieve(children[2])).to_dict()
    for childless in (other, children[0]):
        assert [entry async for entry in sdk.accounts.list_children(childless)] == []
    with pytest.raises(m3ter.NotFoundError, match="there is no account"):
        await sdk.accounts.list_children("nobody")


async def test_balances_take_transactions(sdk: AsyncM3ter, store: Store) -> None:
    account = await store.account()
    balance = await sdk.balances.create(
        account_id=account, code="b", name="B", currency="USD", start_date="2026-01-01", end_date="2027-01-01"
    )
    first = await sdk.balances.transactions.create(balance.id, amount=100.5, transaction_date="2026-02-01T00:00:00Z")
    await sdk.balances.transactions.create(balance.id, amount=-20)
    listed = [entry.amount async for entry in sdk.balances.transactions.list(balance.id, page_size=1)]
    assert listed == [-20, 100.5]
    assert first.entity_type == "USER" and first.dt_created is not None
    assert (await sdk.balances.retrieve(balance.id)).amount == 80.5


async def test_the_configuration_is_read_and_replaced(sdk: AsyncM3ter) -> None:
    held = await sdk.organization_config.retrieve()
    assert (held.currency, held.version) == ("USD", 1)
    snake_config = {snake(name): value for name, value in CONFIG.items()}
    changed = await sdk.organization_config.update(**snake_config | {"currency": "EUR", "version": 1})
    assert (changed.currency, changed.version) == ("EUR", 2)


async def test_an_unknown_organization_is_forbidden(sdk: AsyncM3ter) -> None:
    with pytest.raises(m3ter.PermissionDeniedError, match="organization nobody is unknown"):
        await sdk.products.list(org_id="nobody")


async def test_the_sync_client_fetches_its_token(url: str, store: Store) -> None:
    key = await store.key()

    def ask() -> str:
        with official_blocking_client(url, store.organization, key=key) as client:
            return client.products.create(code="sync", name="Sync").id

    assert len(await asyncio.to_thread(ask)) == 36


async def test_a_token_is_asked_for_by_form_too(url: str, store: Store) -> None:
    async with http_client(url) as client:
        form = await client.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=await store.key())
        assert form.status_code == 200
        assert set(form.json()) == {"access_token", "expires_in", "token_type"}
        nobody = await client.post("/oauth/token", json={"grant_type": "client_credentials"})
        assert (nobody.status_code, list(nobody.json())) == (401, ["message"])
