"""Bad bodies, each with the field that its message names."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.resources.balances import BalanceTransaction
from projections.money import minor_digits
from services.api.wire import day, instant
from services.commands.bodies import parse_body, parse_model, version_of
from services.commands.refused import InvalidBody, InvalidField
from services.commands.table import KINDS
from tests.commands.world import LEAST, document

ID = "0" * 36
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
    *(("product", {"code": f"p{joiner}q"}, "code: must have no control or invisible characters") for joiner in JOINERS),
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
    (
        "meter",
        {"dataFields": [{"code": "n", "category": "MEASURE"}] * 2},
        "dataFields: every field needs a code of its own",
    ),
    (
        "meter",
        {"derivedFields": [{"code": "n", "name": "N", "category": "MEASURE", "calculation": "n"}]},
        "dataFields: every field needs a code of its own",
    ),
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
        {"aggregationId": ID, "planId": ID, "pricingBands": LEAST["pricing"]["pricingBands"] * 2},
        "pricingBands: every band needs a lowerLimit of its own",
    ),
    (
        "pricing",
        {"aggregationId": ID, "planId": ID, "overagePricingBands": LEAST["pricing"]["pricingBands"]},
        "overagePricingBands: needs cumulative true",
    ),
    (
        "pricing",
        {"aggregationId": ID, "planId": ID, "overagePricingBands": LEAST["pricing"]["pricingBands"]}
        | {"cumulative": True, "tiersSpanPlan": True},
        "overagePricingBands: cannot be used with tiersSpanPlan true",
    ),
    ("balance", {"accountId": ID, "rolloverAmount": 1}, "rolloverEndDate: is required with rolloverAmount"),
    ("counterAdjustment", {"accountId": ID, "counterId": ID, "value": -1}, "value: must be greater than or equal to 0"),
    ("charge", {"accountId": ID, "amount": None}, "amount: is required, or units with unitPrice"),
    ("charge", {"accountId": ID, "units": 1}, "amount: does not go with units and unitPrice"),
    (
        "charge",
        {"accountId": ID, "amount": None, "units": 10**9, "unitPrice": 10**9},
        "units: times unitPrice must have at most 18 whole digits",
    ),
    ("charge", {"accountId": ID, "amount": -1}, "amount: must be greater than or equal to 0"),
    ("charge", {"accountId": ID, "entityType": "BALANCE"}, "lineItemType: must be BALANCE_FEE for entityType BALANCE"),
    ("charge", {"accountId": ID, "entityId": ID}, "entityId: must name the balance for entityType BALANCE"),
    ("balance", {"accountId": ID, "startDate": "0001-01-01T00:00:00+05:00"}, "startDate: must be between 1970-01-01"),
    ("balance", {"accountId": ID, "startDate": "1970-01-01T00:00:00+05:00"}, "startDate: must be between 1970-01-01"),
    ("contract", {"accountId": ID, "endDate": "2025-12-31"}, "endDate: must not be before startDate"),
    ("balance", {"accountId": ID, "overageSurchargePercent": -100.1}, "overageSurchargePercent: must be greater than"),
]


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
    kept = parse_body("commitment", sent | {"customFields": {"gone": None, "kept": 0}}).custom_fields
    assert kept == {"kept": 0}


@pytest.mark.parametrize("amount", [Decimal("-0.01"), Decimal(0), Decimal(5)])
def test_a_transaction_may_put_in_take_out_or_only_say_something(amount: Decimal) -> None:
    assert parse_model(BalanceTransaction, {"amount": amount, "description": "said"}).amount == amount


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
    assert version_of({"version": Decimal("2.0")}) == 2


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
