"""A bound that holds for what a client sends is in the schemas of bodies, and in no schema of what is stored."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from events.resources.bounds import FROM_CLIENT
from events.resources.commitments import Commitment
from tests.api.schemas import document
from tests.contracts.records import DOCUMENT

BODIES = document()["components"]["schemas"]
STORED = DOCUMENT["components"]["schemas"]


def member(schemas: dict[str, Any], schema: str, name: str) -> dict[str, Any]:
    """The schema of a member, without its null."""
    found = schemas[schema]["properties"][name]
    return next((choice for choice in found.get("anyOf", ()) if choice.get("type") != "null"), found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("currency", {"pattern": "^[A-Z][A-Z0-9]{2,9}$"}),
        ("customFields", {"maxProperties": 100}),
        ("feeDates", {"maxItems": 1000}),
        ("overageSurchargePercent", {"minimum": -100}),
    ],
)
def test_a_rule_for_clients_is_said_of_bodies_and_of_nothing_that_is_stored(name: str, words: dict[str, Any]) -> None:
    assert words.items() <= member(BODIES, "Commitment", name).items()
    for schemas, schema in ((BODIES, "CommitmentAnswer"), (STORED, "Commitment")):
        assert not words.keys() & member(schemas, schema, name).keys()


def test_what_is_said_is_what_is_refused() -> None:
    terms = {"accountId": "a" * 36, "amount": 1, "startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD"}
    adapter = TypeAdapter(Commitment)
    taken = adapter.validate_python(terms | {"overageSurchargePercent": -100}, context=FROM_CLIENT)
    assert taken.overage_surcharge_percent == Decimal(-100)
    for wrong in (
        {"overageSurchargePercent": -101},
        {"currency": "usd"},
        {"customFields": dict.fromkeys(map(str, range(101)), "x")},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(terms | wrong, context=FROM_CLIENT)
        adapter.validate_python(terms | wrong)
