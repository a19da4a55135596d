"""Whether anything was drawn on a commitment, of a family whose balances are behind its usage."""

from typing import Any

import httpx
import pytest

from services.readside.moved import FamilyMark
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_what_is_spent_counts_though_its_row_does_not_tell_yet(
    store: Store, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await store.account()
    commitment = await store.commitment(account, code="prepaid")
    waits, settled = True, 0

    async def fields(*_: Any) -> Any:
        return {commitment: {"amountSpent": 0}}

    async def moved(*_: Any) -> FamilyMark:
        return FamilyMark(account, 0, "", waits)

    async def settle(*_: Any) -> Any:
        nonlocal settled
        settled += 1
        return {commitment: {"spent": 5}}

    for name, instead in (("derived_fields", fields), ("read_moved", moved), ("settle_now", settle)):
        monkeypatch.setattr(f"services.api.derived.{name}", instead)
    refused = await http.delete(f"/commitments/{commitment}")
    assert refused.status_code == 409 and refused.json()["message"].startswith("commitment prepaid has drawn or billed")
    waits = False
    assert (await http.delete(f"/commitments/{commitment}")).status_code == 200
    assert settled == 1, "a family that does not wait is not settled anew"
