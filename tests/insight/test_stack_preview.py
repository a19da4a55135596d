"""On the real stack, after the other tests because it changes what is: previews, and an aggregation that changes."""

import pytest

from tests.insight.conftest import Played
from tests.insight.story import bill

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_a_preview_of_other_terms_is_the_preview_under_them(played: Played) -> None:
    """Last, because it amends: the preview with a supposed amount equals the one once it is commanded."""
    [commitment] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    account = commitment["accountId"]
    query = {"accountId": account, "lastDateInBillingPeriod": "2026-03-31"}
    before = await played.wire.do("POST", "bills/preview", query)
    supposed = await played.wire.do("POST", "bills/preview", {**query, "commitments": [{**commitment, "amount": 900}]})
    assert supposed["billTotal"] != before["billTotal"]
    assert await played.wire.do("POST", "bills/preview", query) == before, "nothing is stored"
    terms = {name: value for name, value in commitment.items() if name not in ("version",)}
    await played.wire.do(
        "PUT", f"commitments/{commitment['id']}", {**terms, "amount": 900, "version": commitment["version"]}
    )
    assert await played.wire.do("POST", "bills/preview", query) == supposed


async def test_a_preview_of_the_close_is_the_bill(played: Played) -> None:
    previews = {
        code: await played.wire.do("POST", "bills/preview", {"accountId": id, "lastDateInBillingPeriod": "2026-03-31"})
        for code, id in played.accounts.items()
    }
    issued_ids = {issued["id"] for issued in await played.bills()}
    await bill(played.wire, "2026-03-31")
    await played.settled()
    issued = {issued["accountCode"]: issued for issued in await played.bills() if issued["id"] not in issued_ids}
    for code, preview in previews.items():
        assert preview["billTotal"] == issued[code]["billTotal"]
        fields = ("lineItemType", "subtotal", "quantity", "units", "description", "servicePeriodStartDate")
        assert [[line[name] for name in fields] for line in preview["lineItems"]] == [
            [line[name] for name in fields] for line in issued[code]["lineItems"]
        ]


async def test_an_aggregation_changed_since_leaves_the_past_as_it_was(played: Played) -> None:
    """Last: the aggregation now counts records instead of summing calls, and all totals are derived anew."""
    [first, *_] = sorted(await played.bills(), key=lambda issued: str(issued["billDate"]))
    [line] = [line_item for line_item in first["lineItems"] if line_item["lineItemType"] == "USAGE"]
    path = f"bills/{first['id']}/lineitems/{line['id']}/explain"
    [*_, commitment] = await played.commitments()
    balance, known_at = f"commitments/{commitment['id']}/balance", played.moments[2].isoformat()
    told, balance_then = await played.get(path, limit=10_000), await played.get(balance, knownAt=known_at)
    [aggregation] = (await played.wire.do("GET", "aggregations"))["data"]
    await played.wire.do("PUT", f"aggregations/{aggregation['id']}", {**aggregation, "aggregation": "COUNT"})
    await played.settled()
    assert await played.get(path, limit=10_000) == told
    assert await played.get(balance, knownAt=known_at) == balance_then
    assert (await played.get("conservation"))["holds"]
