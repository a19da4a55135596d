"""The question of "what if": what an address says, what the API is asked, and where what is wrong is said."""

from decimal import Decimal
from typing import Any

import pytest

from services.commands.supposed import SUPPOSABLE
from services.console.supposable import KINDS
from services.console.supposing import Subject, refusal, subject_of

PREPAID: dict[str, Any] = {
    "id": "c-1", "amount": Decimal("1500.00"), "startDate": "2026-01-01", "endDate": "2027-01-01",
    "overageSurchargePercent": 10, "separateOverageUsage": False,
}  # fmt: skip
MINIMUM = {"id": "c-2", "amount": 400, "startDate": "2026-01-01", "endDate": "2027-01-01", "commitmentType": "MINIMUM"}
PRICE: dict[str, Any] = {
    "id": "p-1", "startDate": "2026-01-01T00:00:00Z", "planId": "x",
    "pricingBands": [{"id": "b-1", "lowerLimit": 0, "fixedPrice": 0, "unitPrice": Decimal("0.5")},
                     {"id": "b-2", "lowerLimit": 1000, "fixedPrice": 0, "unitPrice": Decimal("0.25")}],
}  # fmt: skip


def asked(kind: str, held: dict[str, Any], zone: str = "UTC", /, **query: str) -> Subject:
    given = {f"{kind}.{name.replace('__', '-')}": text for name, text in query.items()}
    return subject_of(KINDS[kind], held, given, zone)


def test_what_may_be_supposed_is_what_the_api_takes() -> None:
    assert {kind.listed: kind.path for kind in KINDS.values()} == {name: kind.path for name, kind in SUPPOSABLE.items()}
    for kind in KINDS.values():
        fields = {field.alias or name for name, field in SUPPOSABLE[kind.listed].model.model_fields.items()}
        assert {term.name for term in kind.terms} - {"effectiveDate"} <= fields


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({}, {}),
        ({"amount": "1500", "endDate": "2027-01-01", "priority": "", "separateOverageUsage": "false"}, {}),
        ({"amount": "1000.50"}, {"amount": Decimal("1000.50")}),
        ({"priority": "0"}, {"priority": Decimal(0)}),
        ({"separateOverageUsage": "true", "overageSurchargePercent": ""},
         {"separateOverageUsage": True, "overageSurchargePercent": None}),
        ({"endDate": ""}, {"endDate": None}),
    ],
)  # fmt: skip
def test_what_is_typed_is_put_over_what_holds(typed: dict[str, str], changes: dict[str, Any]) -> None:
    subject = asked("commitment", PREPAID, **typed)
    wanted = {name: value for name, value in (PREPAID | changes).items() if value is not None}
    assert subject.document() == wanted
    assert {field.key for field in subject.changed} == {f"commitment.{name}" for name in changes}


def test_a_commitment_is_asked_for_the_terms_that_its_type_has() -> None:
    prepaid, minimum = asked("commitment", PREPAID), asked("commitment", MINIMUM)
    assert "commitment.priority" in prepaid.fields and "commitment.prorate" not in prepaid.fields
    assert "commitment.prorate" in minimum.fields and "commitment.priority" not in minimum.fields


def test_a_day_is_the_one_that_is_meant() -> None:
    """Midnight UTC is that calendar day in every zone; another instant is the day there (rules 2.7)."""
    held = {"id": "a-1", "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-06-01T02:00:00Z"}
    subject = asked("accountPlan", held, "America/New_York", startDate="2026-01-01", endDate="2026-05-31")
    assert not subject.changed and subject.document() == held
    assert asked("accountPlan", held, "UTC", endDate="2026-05-31").document()["endDate"] == "2026-05-31"


def test_bands_are_changed_added_and_taken_away() -> None:
    first, second = PRICE["pricingBands"]
    changed = asked("pricing", PRICE, band__0__unitPrice="0.75").document()
    assert changed["pricingBands"] == [first | {"unitPrice": Decimal("0.75")}, second]
    more = {"band__2__lowerLimit": "5000", "band__2__fixedPrice": "0", "band__2__unitPrice": "0.1"}
    added = {"lowerLimit": 5000, "fixedPrice": 0, "unitPrice": Decimal("0.1")}
    assert asked("pricing", PRICE, **more).document()["pricingBands"] == [first, second, added]
    gone = {"band__1__lowerLimit": "", "band__1__fixedPrice": "", "band__1__unitPrice": ""}
    assert asked("pricing", PRICE, **gone).document()["pricingBands"] == [first]
    assert asked("pricing", PRICE, startDate="2026-01-01").document() == PRICE


def test_what_is_wrong_is_said_beside_its_field() -> None:
    commitment = asked("commitment", PREPAID, amount="-1", endDate="2025-01-01")
    gone = {"band__0__lowerLimit": "", "band__0__fixedPrice": "", "band__0__unitPrice": ""}
    price = asked("pricing", PRICE, **gone, band__1__unitPrice="-2")
    subjects = [commitment, price]
    assert [len(subject.document()) > 0 for subject in subjects] == [True, True]
    assert (
        refusal(subjects, "commitments[0]: amount: must be greater than 0; endDate: must be so; and more; priority: no")
        == ""
    )
    told = {field.key: field.problem for field in commitment.fields.values() if field.problem}
    assert told == {"commitment.amount": "must be greater than 0", "commitment.endDate": "must be so; and more",
                    "commitment.priority": "no"}  # fmt: skip
    assert refusal(subjects, "pricings[0]: pricingBands[0].unitPrice: must be at least 0") == ""
    assert price.fields["pricing.band-1-unitPrice"].problem == "must be at least 0", "the first row is blank"
    assert refusal(subjects, "pricings[0]: pricingBands: the lowest band must have lowerLimit 0") == ""
    assert price.fields["pricing.band-1-lowerLimit"].problem.startswith("the lowest")
    for elsewhere in (
        "pricings[0]: body: too odd",
        "lastDateInBillingPeriod: must be a date",
        "commitment x is cancelled",
    ):
        assert refusal(subjects, elsewhere) == elsewhere.removeprefix("pricings[0]: ")


def test_what_is_no_number_is_not_asked_about() -> None:
    subject = asked("plan", {"id": "p", "standingCharge": 10}, standingCharge="ten", minimumSpend="Infinity")
    subject.document()
    wrong = {key for key, field in subject.fields.items() if field.problem}
    assert wrong == {"plan.standingCharge", "plan.minimumSpend"}
