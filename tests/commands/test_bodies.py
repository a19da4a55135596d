"""Bad bodies, each with the field that its message names."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from projections.money import minor_digits
from services.api.wire import day, instant
from services.commands.bodies import parse_body, version_of
from services.commands.errors import InvalidBody, InvalidField
from services.commands.table import KINDS
from tests.commands.world import LEAST, document

ID = "0" * 36
FEE = {
    "date": "2026-02-01",
    "amount": 10,
    "servicePeriodStartDate": "2026-01-01T00:00:00Z",
    "servicePeriodEndDate": "2026-02-01T00:00:00Z",
}
MINIMUM = {"commitmentType": "MINIMUM"}

#: Members put on a commitment's least body (None takes one out), and the beginning of the message.
BAD_COMMITMENTS: list[tuple[dict[str, Any], str]] = [
    ({"accountId": None}, "accountId: is required"),
    ({"amount": None}, "amount: is required"),
    ({"currency": None}, "currency: is required"),
    ({"startDate": None}, "startDate: is required"),
    ({"endDate": None}, "endDate: is required"),
    ({"accountId": "short"}, "accountId: must have at least 36 characters"),
    ({"accountId": ID + "x"}, "accountId: must have at most 36 characters"),
    ({"accountId": 7}, "accountId: must be text"),
    ({"amount": 0}, "amount: must be greater than 0"),
    ({"amount": -1}, "amount: must be greater than 0"),
    ({"amount": "much"}, "amount: must be a number"),
    ({"amount": True}, "amount: must be a number"),
    ({"amount": Decimal("1E+18")}, "amount: must have at most 18 whole digits"),
    ({"amount": Decimal("1E-19")}, "amount: must be greater than 0"),
    ({"amount": Decimal("NaN")}, "amount: must be a finite number"),
    ({"currency": ""}, "currency: must have at least 1 character"),
    ({"startDate": "2026-02-30"}, "startDate: must be a date"),
    (
        {"startDate": "2026-01-01T10:00:00Z"},
        "startDate: must be a date, YYYY-MM-DD, or an RFC 3339 date-time at midnight UTC",
    ),
    ({"endDate": 20270101}, "endDate: must be a date"),
    ({"startDate": "1969-12-31"}, "startDate: must be between 1970-01-01 and 2200-01-01"),
    ({"endDate": "2200-01-02"}, "endDate: must be between 1970-01-01 and 2200-01-01"),
    ({"endDate": "9999-12-31"}, "endDate: must be between 1970-01-01 and 2200-01-01"),
    ({"billEpoch": "0001-01-01"}, "billEpoch: must be between 1970-01-01 and 2200-01-01"),
    ({"feeDates": [FEE | {"date": "9999-12-31"}]}, "feeDates[0].date: must be between"),
    (
        {"feeDates": [FEE | {"servicePeriodEndDate": "9999-12-31T23:59:59-05:00"}]},
        "feeDates[0].servicePeriodEndDate: must be between",
    ),
    ({"endDate": "2025-12-31"}, "endDate: must not be before startDate"),
    ({"amountPrePaid": -1}, "amountPrePaid: must be greater than or equal to 0"),
    ({"amountPrePaid": 101}, "amountPrePaid: must not be above amount"),
    ({"amountFirstBill": -1}, "amountFirstBill: must be greater than or equal to 0"),
    ({"amountFirstBill": 60, "amountPrePaid": 50}, "amountFirstBill: must not be above amount less amountPrePaid"),
    ({"billingInterval": 0}, "billingInterval: must be greater than or equal to 1"),
    ({"billingInterval": 366}, "billingInterval: must be less than or equal to 365"),
    ({"billingInterval": 1.5}, "billingInterval: must be a whole number"),
    ({"billingOffset": -1}, "billingOffset: must be greater than or equal to 0"),
    ({"billingOffset": 365}, "billingOffset: must be less than or equal to 364"),
    ({"billingPlanId": ID + "x"}, "billingPlanId: must have at most 36 characters"),
    ({"contractId": "short"}, "contractId: must have at least 36 characters"),
    ({"productIds": [ID] * 101}, "productIds: "),
    ({"productIds": ["short"]}, "productIds[0]: must have at least 36 characters"),
    ({"lineItemTypes": ["AD_HOC"]}, "lineItemTypes[0]: must be 'STANDING_CHARGE'"),
    ({"childBillingMode": "PARENT"}, "childBillingMode: must be 'PARENT_SUMMARY'"),
    ({"commitmentFeeDescription": "x" * 201}, "commitmentFeeDescription: must have at most 200 characters"),
    ({"overageSurchargePercent": 5, "separateOverageUsage": True}, "separateOverageUsage: cannot be true"),
    ({"commitmentType": "OTHER"}, "commitmentType: must be 'PREPAYMENT' or 'MINIMUM'"),
    ({"commitmentPeriodInterval": 3}, "commitmentPeriodInterval: can be given on a MINIMUM commitment only"),
    ({"prorate": True}, "prorate: can be given on a MINIMUM commitment only"),
    (MINIMUM | {"commitmentPeriodInterval": 0}, "commitmentPeriodInterval: must be greater than or equal to 1"),
    (MINIMUM | {"amountPrePaid": 0}, "amountPrePaid: cannot be given on a MINIMUM commitment"),
    (MINIMUM | {"amountFirstBill": 0}, "amountFirstBill: cannot be given on a MINIMUM commitment"),
    (MINIMUM | {"feeDates": [FEE]}, "feeDates: cannot be given on a MINIMUM commitment"),
    (MINIMUM | {"billingInterval": 1}, "billingInterval: cannot be given on a MINIMUM commitment"),
    (MINIMUM | {"billingOffset": 0}, "billingOffset: cannot be given on a MINIMUM commitment"),
    (MINIMUM | {"commitmentFeeBillInAdvance": True}, "commitmentFeeBillInAdvance: cannot be given"),
    (MINIMUM | {"overageSurchargePercent": 1}, "overageSurchargePercent: cannot be given on a MINIMUM"),
    (MINIMUM | {"separateOverageUsage": False}, "separateOverageUsage: cannot be given on a MINIMUM"),
    (MINIMUM | {"rolloverPercent": 10}, "rolloverPercent: cannot be given on a MINIMUM commitment"),
    ({"rolloverPercent": 101}, "rolloverPercent: must be less than or equal to 100"),
    ({"rolloverPercent": 50}, "rolloverEndDate: is required with rolloverPercent"),
    ({"rolloverEndDate": "2027-01-01"}, "rolloverEndDate: must be after endDate"),
    ({"rolloverOrder": "FIRST"}, "rolloverOrder: needs a rolloverEndDate"),
    ({"feeDates": [FEE | {"amount": 0}]}, "feeDates[0].amount: must be greater than 0"),
    ({"feeDates": [{"date": "2026-01-01"}]}, "feeDates[0].amount: is required"),
    ({"discount": 5}, "discount: is not a field of this resource"),
    ({"amount": "12.5"}, "amount: must be a number"),
    ({"amount": True}, "amount: must be a number"),
    ({"billingInterval": True}, "billingInterval: must be a number"),
    ({"billingInterval": "2"}, "billingInterval: must be a number"),
    ({"separateOverageUsage": "true"}, "separateOverageUsage: must be true or false"),
    ({"feeDates": [FEE | {"amount": "5"}]}, "feeDates[0].amount: must be a number"),
    ({"productIds": ID}, "productIds: must be a list"),
    ({"productIds": [ID] * 101}, "productIds: must have at most 100 items"),
    ({"customFields": {"a": [1]}}, "customFields.a: must be text or a number"),
    ({"customFields": {"a": True}}, "customFields.a: must be a number"),
    ({"customFields": []}, "customFields: must be an object"),
]

#: C0, DEL, C1, soft hyphen, ends of line and paragraph, zero width, direction of writing, byte order.
UNSEEN = (
    "\n\t\x1f\x7f\x80\x85\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9"
)
#: They spell words and emoji: no code has them, a name may.
JOINERS = "\u200c\u200d"

BAD_OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("product", {"code": " p"}, "code: must have no control or invisible characters and no white space at its edges"),
    *(("product", {"code": f"p{unseen}q"}, "code: must have no control or invisible characters") for unseen in UNSEEN),
    *(("product", {"name": f"P{unseen}"}, "name: must have no control or invisible characters") for unseen in UNSEEN),
    *(("product", {"code": f"p{one}q"}, "code: must have no control or invisible characters") for one in JOINERS),
    ("product", {"code": "p" * 81}, "code: must have at most 80 characters"),
    ("product", {"name": ""}, "name: must have at least 1 character"),
    ("account", {"emailAddress": None}, "emailAddress: is required"),
    ("account", {"daysBeforeBillDue": 3651}, "daysBeforeBillDue: must be less than or equal to 3650"),
    ("account", {"timezone": "Mars/Base"}, "timezone: must be an IANA time zone name"),
    ("account", {"creditApplicationOrder": ["BALANCE", "BALANCE"]}, "creditApplicationOrder: must name each"),
    ("accountPlan", {"accountId": ID}, "planId: exactly one of planId and planGroupId must be given"),
    (
        "accountPlan",
        {"accountId": ID, "planId": ID, "planGroupId": ID},
        "planId: exactly one of planId and planGroupId",
    ),
    ("meter", {"dataFields": []}, "dataFields: "),
    ("meter", {"dataFields": [{"code": "n", "category": "X"}]}, "dataFields[0].category: must be 'WHO'"),
    ("aggregation", {"meterId": ID, "quantityPerUnit": 0}, "quantityPerUnit: must be greater than 0"),
    ("aggregation", {"meterId": ID, "aggregation": "CUSTOM_SQL"}, "aggregation: must be 'SUM'"),
    ("planTemplate", {"productId": ID, "currency": "US"}, "currency: must be a code of 3 to 10 capital letters"),
    ("planTemplate", {"productId": ID, "standingCharge": -1}, "standingCharge: must be greater than or equal to 0"),
    ("pricing", {"planId": ID}, "aggregationId: exactly one of aggregationId and compoundAggregationId must be given"),
    ("pricing", {"planId": ID, "aggregationId": ID, "compoundAggregationId": ID}, "aggregationId: exactly one of"),
    ("pricing", {"planId": ID, "compoundAggregationId": ID, "segment": {"k": "v"}}, "segment: a compound aggregation"),
    ("pricing", {"aggregationId": ID}, "planId: exactly one of planId and planTemplateId must be given"),
    ("pricing", {"aggregationId": ID, "planId": ID, "pricingBands": []}, "pricingBands: "),
    (
        "pricing",
        {"aggregationId": ID, "planId": ID, "pricingBands": [{"lowerLimit": 1, "fixedPrice": 0, "unitPrice": 1}]},
        "pricingBands: the lowest band must have lowerLimit 0",
    ),
    (
        "pricing",
        {"aggregationId": ID, "planId": ID, "overagePricingBands": LEAST["pricing"]["pricingBands"]},
        "overagePricingBands: needs cumulative true",
    ),
    ("balance", {"accountId": ID, "rolloverAmount": 1}, "rolloverEndDate: is required with rolloverAmount"),
    ("counterAdjustment", {"accountId": ID, "counterId": ID, "value": -1}, "value: must be greater than or equal to 0"),
    ("charge", {"accountId": ID, "amount": None}, "amount: is required, or units with unitPrice"),
    ("charge", {"accountId": ID, "units": 1}, "amount: does not go with units and unitPrice"),
    ("charge", {"accountId": ID, "amount": -1}, "amount: must be greater than or equal to 0"),
    ("charge", {"accountId": ID, "entityType": "BALANCE"}, "lineItemType: must be BALANCE_FEE for entityType BALANCE"),
    ("charge", {"accountId": ID, "entityId": ID}, "entityId: must name the balance for entityType BALANCE"),
    ("balance", {"accountId": ID, "startDate": "0001-01-01T00:00:00+05:00"}, "startDate: must be between 1970-01-01"),
    ("balance", {"accountId": ID, "startDate": "1970-01-01T00:00:00+05:00"}, "startDate: must be between 1970-01-01"),
    ("contract", {"accountId": ID, "endDate": "2025-12-31"}, "endDate: must not be before startDate"),
    ("balance", {"accountId": ID, "overageSurchargePercent": -100.1}, "overageSurchargePercent: must be greater than"),
]


@pytest.mark.parametrize(("more", "message"), BAD_COMMITMENTS, ids=[message for _, message in BAD_COMMITMENTS])
def test_a_bad_commitment_is_told_its_field(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body("commitment", document("commitment", **{"accountId": ID} | more))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(("kind", "more", "message"), BAD_OTHERS)
def test_a_bad_body_is_told_its_field(kind: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body(kind, document(kind, **more))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("name", ["می\u200cخواهم", "\U0001f469\u200d\U0001f4bb", "Ärger & Söhne", "עברית", "a b"])
def test_a_name_is_written_in_any_script(name: str) -> None:
    parse_body("product", document("product", name=name))


def test_a_name_that_the_log_has_is_read_whatever_is_in_it() -> None:
    kept = document("product", code="p\u200bq", name="P\n")
    assert KINDS["product"].model.model_validate(kept).model_dump(by_alias=True, exclude_unset=True) == kept


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidBody, match=r"code: is required; name: is required"):
        parse_body("product", {})


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(InvalidBody, match="body: must be a JSON object"):
        parse_body("product", body)


def test_nulls_count_as_absent_and_answers_can_be_sent_back() -> None:
    sent = document("commitment", accountId=ID) | {"contractId": None, "version": None}
    echoed = {"id": ID, "dtCreated": "x", "createdBy": "x", "amountSpent": 1, "status": "ACTIVE", "periods": []}
    assert parse_body("commitment", sent | echoed) == parse_body("commitment", document("commitment", accountId=ID))


@pytest.mark.parametrize(("text", "rule"), [("0001-01-01", "between"), ("2200-01-02", "between"), ("today", "a date")])
def test_a_day_of_a_query_is_told_its_field(text: str, rule: str) -> None:
    with pytest.raises(InvalidField, match=f"asOf: must be {rule}"):
        day(text, "asOf")


def test_a_test_clock_stays_within_the_wires_dates() -> None:
    with pytest.raises(InvalidField, match="now: must be between"):
        instant({"now": "9999-01-01T00:00:00Z"}, "now")


def test_the_last_day_ends_what_ends_with_2199() -> None:
    parse_body("commitment", document("commitment", accountId=ID, startDate="1970-01-01", endDate="2200-01-01"))
    assert day("2200-01-01", "asOf") == date(2200, 1, 1)


@pytest.mark.parametrize("version", ["1", 1.5, True, -1, 2**63])
def test_a_version_is_a_whole_number(version: Any) -> None:
    with pytest.raises(InvalidField, match="version: must be a whole number"):
        version_of({"version": version})
    assert version_of({}) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_facts_a_model_and_a_path(kind: str) -> None:
    row = KINDS[kind]
    assert all(row.fact(ending) for ending in ("Created", "Updated", "Deleted"))
    assert row.path == row.path.lower()
    assert set(row.model.references.values()) <= set(KINDS)


@pytest.mark.parametrize(
    ("currency", "digits"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("jpy", 0), ("XYZ", 2)]
)
def test_minor_units(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits
