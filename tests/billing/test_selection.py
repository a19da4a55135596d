"""What a page of a bill run is: it needs the event store alone."""

import pytest

from services.billing import selection
from services.billing.selection import FamilyToSettle, Selection, pages
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_pages_hold_every_family_once_wherever_a_run_begins(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = sorted([await store.account() for _ in range(5)])
    for number in range(3):
        await store.account(f"child-{number}", parentAccountId=roots[1])
    monkeypatch.setattr(selection, "PAGE", 2)
    monkeypatch.setattr(selection, "PAGE_ACCOUNTS", 3)
    for begin in ["", *roots, "~"]:
        monkeypatch.setattr(selection, "first_root", lambda begin=begin: begin)
        found = [page async for page in pages(store.postgres, store.organization, Selection())]
        assert sorted(target.root_id for page in found for target in page) == roots
        assert max(map(len, found)) == 2
        assert [FamilyToSettle(roots[1])] in found  # it has more accounts than a page by itself
