"""`official_sdk.py` from nothing to a bill, with m3ter's own client."""

import pytest

from tests.examples.conftest import Reader

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_it_goes_from_nothing_to_a_bill(reader: Reader) -> None:
    said = (await reader.example("official_sdk.py")).splitlines()
    assert said[0].split() == ["prepayment", "100.00,", "spent", "75.00,", "remaining", "25.00"]
    assert said[1].split()[:2] == ["bill", "0.00"] and "of 2026-02-01, account acme" in said[1]
    assert sorted(tuple(line.split()) for line in said[2:]) == [
        ("-75.00", "COMMITMENT_CONSUMED", "Calls"),
        ("75.00", "USAGE", "Calls"),
    ]


async def test_run_again_it_uses_the_catalog_that_is_there(customer: Reader) -> None:
    await customer.example("official_sdk.py", "globex")
    for path in ("products", "meters", "aggregations", "plantemplates", "plans", "pricings"):
        assert len((await customer.do("GET", path))["data"]) == 1, path
    assert {one["code"] for one in (await customer.do("GET", "accounts"))["data"]} == {"acme", "globex"}
    said = await customer.example("official_sdk.py", status=1)
    assert "acme" in said.splitlines()[-1], "who begins with the same code again is told so"
