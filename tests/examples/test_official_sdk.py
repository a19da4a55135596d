"""`official_sdk.py` from nothing to a bill, with m3ter's own client."""

import pytest

from tests.examples.conftest import Reader

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_it_goes_from_nothing_to_a_bill_and_again_with_the_catalog_that_is_there(reader: Reader) -> None:
    for code in ("acme", "globex"):
        said = (await reader.example("official_sdk.py", code)).splitlines()
        assert said[0].split() == ["prepayment", "100.00,", "spent", "75.00,", "remaining", "25.00"]
        assert said[1].split()[:2] == ["bill", "0.00"] and f"of 2026-02-01, account {code} (" in said[1]
        assert sorted(line.strip() for line in said[2:]) == [
            "-75.00  COMMITMENT_CONSUMED Commitment Consumed",
            "75.00  USAGE Calls",
        ]
    for path in ("products", "meters", "aggregations", "plantemplates", "plans", "pricings"):
        assert len((await reader.do("GET", path))["data"]) == 1, path
    assert (await reader.example("official_sdk.py", status=1)).startswith("account acme is in organization reader-")
