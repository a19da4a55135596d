"""Bad bodies of commitments, each with the field that its message names."""

from decimal import Decimal
from typing import Any

import pytest

from services.commands.bodies import parse_body
from services.commands.refused import InvalidBody
from tests.commands.world import document

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
    ({"billingPlanId": ""}, "billingPlanId: must have at least 1 character"),
    ({"billingPlanId": ID + "x"}, "billingPlanId: must have at most 36 characters"),
    ({"contractId": "short"}, "contractId: must have at least 36 characters"),
    ({"productIds": [ID] * 101}, "productIds: "),
    ({"productIds": ["short"]}, "productIds[0]: must have at least 36 characters"),
    ({"lineItemTypes": ["AD_HOC"]}, "lineItemTypes[0]: must be 'STANDING_CHARGE'"),
    ({"childBillingMode": "PARENT"}, "childBillingMode: must be 'PARENT_SUMMARY'"),
    *(
        ({f"{name}Description": "x" * 201}, f"{name}Description: must have at most 200 characters")
        for name in ("commitmentFee", "commitmentUsage", "overage")
    ),
    *(
        ({name: id}, f"{name}: must have at {bound} 36 characters")
        for name in ("accountingProductId", "feesAccountingProductId", "drawdownsAccountingProductId")
        for id, bound in ((ID[1:], "least"), (ID + "x", "most"))
    ),
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


@pytest.mark.parametrize(("more", "message"), BAD_COMMITMENTS, ids=[message for _, message in BAD_COMMITMENTS])
def test_a_bad_commitment_is_told_its_field(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body("commitment", document("commitment", **{"accountId": ID} | more))
    assert str(refused.value).startswith(message)


def test_what_is_as_long_as_it_may_be_is_taken() -> None:
    texts = {f"{name}Description": "x" * 200 for name in ("commitmentFee", "commitmentUsage", "overage")}
    ids = {name: ID for name in ("accountingProductId", "feesAccountingProductId", "drawdownsAccountingProductId")}
    parse_body("commitment", document("commitment", accountId=ID, billingPlanId="p", **texts, **ids))


@pytest.mark.parametrize("version", [0, 1, 7])
def test_a_version_says_nothing_of_what_is_not_there_yet(version: int) -> None:
    body = document("commitment", accountId=ID)
    assert parse_body("commitment", body | {"version": version}) == parse_body("commitment", body)
