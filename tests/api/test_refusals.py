"""A wrong request is refused with a message that names what is wrong."""

import re

import httpx
import pytest

from tests.api.answers import message_of
from tests.api.schemas import operations

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/products", b"{", 400, "body: must be JSON: Expecting property name"),
        ("POST", "/products", b"", 400, "body: must be JSON"),
        ("POST", "/products", b"[]", 400, "body: must be a JSON object"),
        ("POST", "/products", b'{"code": NaN}', 400, "NaN is not a number"),
        ("POST", "/products", b'{"code": Infinity}', 400, "Infinity is not a number"),
        ("POST", "/products", b"\xff", 400, "body: must be JSON in UTF-8"),
        ("POST", "/products", '{"code": "c"}'.encode("utf-16"), 400, "body: must be JSON in UTF-8"),
        ("POST", "/products", '{"code": "c"}'.encode("utf-32-le"), 400, "body: must be JSON"),
        ("POST", "/products", b'\xef\xbb\xbf{"code": "c"}', 400, "name: is required"),
        ("POST", "/products", b"[" * 10_000, 400, "body: is nested too deeply"),
        ("POST", "/products", b"[" * 100_000, 400, "body: has more than 20000 values"),
        ("POST", "/products", b'{"code": "a\\u0000", "name": "x"}', 400, "code: must not contain the character NUL"),
        ("POST", "/products", b'{"code": "\\ud800", "name": "x"}', 400, "code: must be valid Unicode"),
        ("POST", "/products", b'{"code": 1e9999, "name": "x"}', 400, "code: must be a number of ordinary size"),
        ("POST", "/products", b'{"code": "c"}', 400, "name: is required"),
        ("POST", "/products", b'{"code": "c", "name": "x", "y": 1}', 400, "y: is not a field of this resource"),
        ("POST", "/products", b" " * (1024 * 1024 + 1), 413, "body: is larger than 1048576 bytes"),
        ("GET", "/nothing", b"", 404, "there is no /organizations/"),
        ("PATCH", "/products", b"", 405, "PATCH is not offered on /organizations/"),
        ("GET", "/products/none", b"", 404, "there is no product with id none"),
        ("GET", "/../nowhere/products/none", b"", 403, "organization nowhere is unknown or not yours"),
        ("GET", "/../nowhere/products", b"", 403, "organization nowhere is unknown or not yours"),
        ("PUT", "/products/none", b'{"code": "c", "name": "x"}', 404, "there is no product with id none"),
        ("DELETE", "/commitments/none", b"", 404, "there is no commitment with id none"),
        ("GET", "/commitments/none/history", b"", 404, "there is no commitment with id none"),
        ("POST", "/commitments/none/topups", b'{"amount": 1, "date": "2026-01-01"}', 404, "no commitment"),
        ("POST", "/commitments/none/cancel", b'{"policy": "X"}', 400, "date: is required; policy: must be"),
        ("GET", "/meters?pageSize=0", b"", 400, "pageSize: must be a whole number from 1 to 100"),
        ("GET", "/meters?pageSize=101", b"", 400, "pageSize: must be a whole number from 1 to 100"),
        ("GET", "/meters?pageSize=x", b"", 400, "pageSize: must be a whole number from 1 to 100"),
        ("GET", "/products?nextToken=x", b"", 400, "nextToken: must be a token from an earlier page"),
        ("GET", "/products?nextToken=YmVmb3JlIHg", b"", 400, "nextToken: must be a token"),
        ("GET", "/products?colour=red", b"", 400, "colour: is not a parameter here"),
        ("GET", "/commitments/none?asof=2026-01-01", b"", 400, "asof: is not a parameter here; there are: asOf"),
        ("GET", "/commitments/none?asOf=2026-01-01&asOf=2027-01-01", b"", 400, "asOf: must be given once"),
        ("GET", "/accounts/none?asOf=2026-01-01", b"", 400, "asOf: is not a parameter here; there are: knownAt"),
        ("GET", "/commitments/search?sortBy=lineItemTypes", b"", 400, "sortBy: lineItemTypes has no order"),
        ("GET", "/commitments?date=01.02.2026", b"", 400, "date: must be a date, YYYY-MM-DD"),
        ("GET", "/commitments?date=2026-01-01&date=2026-01-02", b"", 400, "date: must be given once"),
        ("GET", "/commitments?endDateStart=2026-01-01", b"", 400, "endDateStart: needs accountId with it"),
        ("GET", "/commitments/search?searchQuery=amount>5", b"", 400, "searchQuery: each term must be one of"),
        ("GET", "/commitments/search?operator=XOR", b"", 400, "operator: must be one of AND, OR"),
        ("GET", "/commitments/search?sortBy=id);drop", b"", 400, "sortBy: must be a stored field"),
        ("GET", "/commitments/search?fromDocument=-1", b"", 400, "fromDocument: must be a whole number"),
        ("DELETE", "/products/none?force=1", b"", 400, "force: must be true or false"),
        ("GET", "/accounts/none/children", b"", 404, "there is no account with id none"),
        ("GET", "/accounts/none/children?pageSize=201", b"", 400, "pageSize: must be a whole number from 1 to 200"),
        ("GET", "/balances/none/transactions/summary", b"", 404, "there is no balance with id none"),
        ("GET", "/balances/none/transactions/summary?pageSize=1", b"", 400, "pageSize: is not a parameter here"),
        ("GET", "/lineitems?lineItemType=DRAW", b"", 400, "lineItemType: must be one of STANDING_CHARGE, USAGE,"),
        ("GET", "/lineitems?billId=a&billId=b", b"", 400, "billId: must be given once"),
        ("GET", "/lineitems?pageSize=101", b"", 400, "pageSize: must be a whole number from 1 to 100"),
        ("GET", "/lineitems?nextToken=x", b"", 400, "nextToken: must be a token from an earlier page"),
        ("GET", "/lineitems?accountId=a", b"", 400, "accountId: is not a parameter here"),
        ("POST", "/clock", b'{"now": "2026-01-01T00:00:00Z"}', 400, "has the real clock"),
        ("POST", "/clock", b'{"now": "2026-01-01"}', 400, "now: must be an RFC 3339 date-time with an offset or Z"),
    ],
)  # fmt: skip
async def test_a_wrong_request_is_told_what_is_wrong(
    http: httpx.AsyncClient, method: str, path: str, body: bytes, status: int, message: str
) -> None:
    response = await http.request(method, path, content=body)
    assert message in message_of(response, status)


ORGANIZATION = "/organizations/{orgId}"
PATHS = sorted(
    (method, path.removeprefix(ORGANIZATION))
    for method, path, _ in operations()
    if "{" in path.removeprefix(ORGANIZATION)
)


async def test_no_path_takes_the_character_nul(http: httpx.AsyncClient) -> None:
    for method, path in PATHS:
        response = await http.request(method, re.sub(r"{[^}]+}", "%00", path), content=b"{}")
        assert "must not contain the character NUL" in message_of(response, 400), f"{method} {path}"
