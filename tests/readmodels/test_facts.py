"""Facts to rows of `facts`: whose each one is, what it is about, and the record's own bytes."""

import pytest

from projections.readmodels.facts import CATALOG_PARTITION, fact_row
from tests.readmodels.given import golden, named


def test_a_fact_about_an_account_stands_under_its_root_with_the_records_bytes() -> None:
    envelope, record = golden("CommitmentCreated")
    row = fact_row(3, 42, envelope, "the-root", record)
    assert named(row, "partition", "log_offset", "organization", "root_id", "account_id") == {
        "partition": 3, "log_offset": 42, "organization": "org", "root_id": "the-root", "account_id": envelope.account,
    }  # fmt: skip
    assert (row.type, row.record) == ("CommitmentCreated", record)


@pytest.mark.parametrize(
    ("name", "about"),
    [("ProductCreated", "id"), ("CommitmentToppedUp", "id"), ("BillIssued", "bill_id"), ("MemoAdded", "bill_id")],
)
def test_a_fact_is_found_by_the_resource_or_the_bill_that_it_is_about(name: str, about: str) -> None:
    envelope, record = golden(name)
    assert fact_row(0, 0, envelope, None, record).resource_id == getattr(envelope.data, about)


def test_a_fact_of_the_organization_has_no_account_and_no_root() -> None:
    envelope, record = golden("OrganizationConfigured")
    row = fact_row(CATALOG_PARTITION, 7, envelope, None, record)
    assert named(row, "partition", "root_id", "account_id") == {"partition": -1, "root_id": None, "account_id": None}


def test_a_tick_is_about_no_resource() -> None:
    envelope, record = golden("ClockTicked")
    assert fact_row(0, 0, envelope, None, record).resource_id is None
