"""Under the API's one decision lies Postgres's: a query that forgot whose rows it wants shows nobody else's."""

from dataclasses import replace

import httpx
import pytest

from services.store import listing, view
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_a_query_that_forgot_its_organization_shows_nobody_elses(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(store, organization=f"{store.organization}-other")
    await other.configure()
    mine, theirs = await store.account(), await other.account()
    for module, name in ((view, "_GET"), (listing, "OF_KIND")):
        right = getattr(module, name)
        wrong = right.replace("e.organization = $1", "$1::text IS NOT NULL")
        assert wrong != right
        monkeypatch.setattr(module, name, wrong)

    assert (await http.get(f"accounts/{mine}")).status_code == 200
    assert (await http.get(f"accounts/{theirs}")).status_code == 404
    assert [document["id"] for document in (await http.get("accounts")).json()["data"]] == [mine]
    async with store.postgres.connection() as connection:  # nothing but row security stood in its way
        assert await view.get(connection, store.organization, "account", theirs) is not None
