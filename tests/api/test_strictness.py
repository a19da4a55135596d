"""Bodies and parameters taken by their letter: numbers are numbers, a member stands once, limits are the kind's own."""

import httpx
import pytest

from tests.store.kit import Store

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/products", b'{"code": 1e99999999999999999999}', "code: must be a number of ordinary size"),
        ("POST", "/products", b"9" * 5000, "a number of 5000 digits is not of ordinary size"),
        ("POST", "/products", b'{"x": 0.%b}' % (b"7" * 900_000), "a number of 900002 characters is not of"),
        ("POST", "/products", b'{"code": "c", "name": "x", "code": "d"}', "code: must be given once"),
        ("POST", "/products", b'{"customFields": {"a": 1, "a": 2}}', "a: must be given once"),
        ("POST", "/commitments/x/topups", b'{"amount": "5", "date": "2026-01-01"}', "amount: must be a number"),
        ("POST", "/commitments/x/topups", b'{"amount": 5, "date": "2026-01-01", "recurring": 1}', "recurring: must be"),
        ("POST", "/billjobs/recalculate", b'{"billIds": []}', "billIds: must have at least 1 item"),
        ("POST", "/billjobs", b'{"billFrequencyInterval": true}', "billFrequencyInterval: must be a number"),
        ("GET", "/products?pageSize=201", b"", "pageSize: must be a whole number from 1 to 200"),
        ("GET", "/balances/x/transactions?pageSize=201", b"", "pageSize: must be a whole number from 1 to 200"),
        ("GET", "/accountplans?includeall=yes", b"", "includeall: must be true or false"),
        ("GET", f"/products?codes={'x' * 201}", b"", "codes: must have at most 200 characters"),
        ("GET", f"/products?ids={'x,' * 201}", b"", "ids: must have at most 200 values"),
        ("GET", f"/bills?{'ids=x&' * 201}", b"", "ids: must have at most 200 values"),
        ("GET", f"/products?nextToken={'x' * 201}", b"", "nextToken: must have at most 200 characters"),
        ("GET", f"/products?{'x' * 300}=1", b"", f"{'x' * 80}...: is not a parameter here"),
        ("GET", f"/commitments?contractId={'x' * 201}", b"", "contractId: must have at most 200 characters"),
        ("GET", f"/accounts/search?searchQuery=name:{'x' * 10_000}", b"", "searchQuery: must have at most 10000"),
        ("GET", f"/accounts/search?searchQuery={'code:x$' * 51}", b"", "searchQuery: must have at most 50 terms"),
        ("GET", f"/bills/search?sortBy={'x' * 201}", b"", "sortBy: must have at most 200 characters"),
        ("POST", f"/bills/approve?accountIds={'x' * 201}", b"", "accountIds: must have at most 200 characters"),
        ("GET", f"/products/{'x' * 201}", b"", "id: must have at most 200 characters"),
        ("GET", f"/../{'x' * 300}/clock", b"", "orgId: must be 1 to 80 printable characters"),
        ("GET", f"/bills/{'x' * 201}/lineitems/1/explain", b"", "bill: must have at most 200 characters"),
        ("POST", "/products", b'{"' + b"x" * 900_000 + b'": 1e999}', f"{'x' * 80}...: must be a number of ordinary"),
        ("POST", "/products", b'{"%b": 1, "%b": 1}' % (b"x" * 900, b"x" * 900), f"{'x' * 80}...: must be given"),
    ],
)  # fmt: skip
async def test_what_is_not_meant_so_is_refused(
    http: httpx.AsyncClient, method: str, path: str, body: bytes, message: str
) -> None:
    response = await http.request(method, path, content=body)
    assert response.status_code == 400, response.text
    assert response.json()["message"].removeprefix("body: must be JSON: ").startswith(message)


@pytest.mark.parametrize(("method", "path"), [("POST", "/products"), ("PUT", "/bills/x/lock"), ("POST", "/clock")])
async def test_a_correlation_id_has_a_bound(http: httpx.AsyncClient, method: str, path: str) -> None:
    given = {"x-correlation-id": "x" * 201}
    response = await http.request(method, path, json={"now": "2026-01-01T00:00:00Z"}, headers=given)
    assert (response.status_code, response.json()["message"]) == (
        400,
        "x-correlation-id: must have at most 200 characters",
    )


async def test_includeall_asks_for_account_plans_of_all_dates(http: httpx.AsyncClient, store: Store) -> None:
    product = await store.create("product", code="p", name="P")
    template = await store.create(
        "planTemplate", productId=product, name="T", currency="USD", billFrequency="MONTHLY", standingCharge=1
    )
    plan = await store.create("plan", code="plan", name="Plan", planTemplateId=template)
    account = await store.account()
    for start, end in (("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01")):
        await store.create("accountPlan", accountId=account, planId=plan, startDate=start, endDate=end)
    found = {}
    for asked in ("", "date=2026-02-10", "date=2026-02-10&includeall=false", "date=2026-02-10&includeall=true"):
        found[asked] = len((await http.get(f"/accountplans?{asked}")).json()["data"])
    assert list(found.values()) == [2, 1, 1, 2]


async def test_products_come_two_hundred_to_a_page(http: httpx.AsyncClient, store: Store) -> None:
    await store.create("product", code="p", name="P")
    assert len((await http.get("/products?pageSize=200")).json()["data"]) == 1
