"""Picklists by m3ter's own client: entries are made, listed, archived, changed and deleted; nothing else follows."""

from typing import Any

import m3ter
import pytest
from m3ter import AsyncM3ter

from tests.store.kit import Store

pytestmark = pytest.mark.stack

PICKLISTS = ("currencies", "credit_reasons", "debit_reasons", "transaction_types")


async def listed(picklist: Any, **query: Any) -> list[str]:
    return [entry.name async for entry in picklist.list(**query)]


@pytest.mark.parametrize("name", PICKLISTS)
async def test_an_entry_lives_its_life(sdk: AsyncM3ter, name: str) -> None:
    picklist = getattr(sdk, name)
    made = await picklist.create(name="First", code="first")
    assert (made.version, made.name, made.code, made.archived) == (1, "First", "first", None)
    changed = await picklist.update(made.id, name="Second", archived=True, version=1)
    assert (changed.version, changed.name, changed.code, changed.archived) == (2, "Second", None, True)
    assert (await picklist.retrieve(made.id)).to_dict() == changed.to_dict()
    with pytest.raises(m3ter.ConflictError, match=r"version: .* is at version 2, not 1"):
        await picklist.update(made.id, name="Third", version=1)
    assert (await picklist.delete(made.id)).id == made.id
    with pytest.raises(m3ter.NotFoundError):
        await picklist.retrieve(made.id)


@pytest.mark.parametrize("name", PICKLISTS)
async def test_archived_entries_are_listed_unless_they_are_left_out(sdk: AsyncM3ter, name: str) -> None:
    picklist = getattr(sdk, name)
    for code, more in (("a", {}), ("b", {"archived": True}), ("c", {"archived": False})):
        await picklist.create(name=code, code=code, **more)
    assert await listed(picklist) == ["c", "b", "a"]
    assert await listed(picklist, archived=True) == ["c", "b", "a"]
    assert await listed(picklist, archived=False) == ["c", "a"]
    assert await listed(picklist, codes=["a", "b"], archived=False) == ["a"]


async def test_each_list_has_codes_of_its_own(sdk: AsyncM3ter) -> None:
    for name in PICKLISTS:
        await getattr(sdk, name).create(name="Same", code="same")
    with pytest.raises(m3ter.ConflictError, match="code: same is taken by creditReason"):
        await sdk.credit_reasons.create(name="Other", code="same")


async def test_a_currency_keeps_its_rounding_for_people(sdk: AsyncM3ter, store: Store) -> None:
    made = await sdk.currencies.create(name="Yen", code="JPY", max_decimal_places=0, rounding_mode="HALF_DOWN")
    assert (made.max_decimal_places, made.rounding_mode) == (0, "HALF_DOWN")
    with pytest.raises(m3ter.BadRequestError, match="maxDecimalPlaces: must be between 0 and 18"):
        await sdk.currencies.create(name="Fine", max_decimal_places=19)


async def test_a_transaction_may_name_a_type_that_is_in_no_list(sdk: AsyncM3ter, store: Store) -> None:
    kind = await sdk.transaction_types.create(name="Bank transfer")
    balance = await sdk.balances.create(
        account_id=await store.account(),
        code="b",
        name="B",
        currency="USD",
        start_date="2026-01-01",
        end_date="2027-01-01",
    )
    for type_id in (kind.id, "gone"):
        await sdk.balances.transactions.create(balance.id, amount=1, transaction_type_id=type_id)
    transactions = [
        transaction async for transaction in sdk.balances.transactions.list(balance.id, transaction_type_id=kind.id)
    ]
    assert len(transactions) == 1
