"""The rows of exported usage: a day's total that no file can hold is told with its account."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from projections.too_large import TooLargeError
from services.exports.usage import USAGE, _told

AGGREGATIONS = {"g": {"id": "g", "code": "calls", "meter": "m", "function": "SUM"}}


def told(total: Decimal) -> dict[str, Any]:
    total_row = {"account_id": "a", "aggregation_id": "g", "segment": "", "day": date(2026, 1, 2)}
    [row] = _told([{**total_row, "records": 3, "total": total, "state": None}], {"a": "acme"}, AGGREGATIONS)
    return dict(zip([column.name for column in USAGE], row, strict=True))


def test_the_largest_total_is_exported() -> None:
    assert told(Decimal(999_999_999_999_999_999))["quantity"] == 999_999_999_999_999_999


def test_of_a_larger_one_the_account_the_aggregation_and_the_day_are_told() -> None:
    with pytest.raises(
        TooLargeError, match=r"^account a: usage of aggregation g on 2026-01-02 would be 1\.0E\+18, and"
    ):
        told(Decimal(10) ** 18)
