"""Which texts of a fact are personal."""

from typing import Any

import pytest

from events.facts import FACTS
from events.facts.base import Fact
from events.resources.accounts import Address
from services.personal.fields import changed_fact, has_personal
from services.personal.keys import new_key
from services.personal.sealed import Sealer

ID = "a" * 36
SEAL = Sealer(*new_key())
ADDRESS = {"addressLine1": "1 Long Lane", "locality": "York", "postCode": "YO1", "country": "GB"}
ACCOUNT: dict[str, Any] = {"code": "acme", "name": "Ann Acme", "emailAddress": "ann@example.com", "address": ADDRESS}


def created(kind: str, **body: Any) -> Fact:
    more = {"rootId": ID, "partition": 0, "timezone": "UTC"} if kind == "Account" else {}
    return FACTS[f"{kind}Created"].model_validate({"id": ID, "version": 1, "body": body, **more})


def sealed(fact: Fact, *marked: str) -> Any:
    return changed_fact(fact, marked, SEAL.seal_once).model_dump(mode="json", by_alias=True, exclude_unset=True)["body"]


def test_of_an_account_name_and_addresses_are_and_its_code_and_country_are_not() -> None:
    body = sealed(created("Account", **ACCOUNT, purchaseOrderNumber="7", customFields={"tier": "gold"}))
    assert body == {
        **{name: SEAL.seal(ACCOUNT[name]) for name in ("name", "emailAddress")},
        "address": {name: SEAL.seal(line) for name, line in ADDRESS.items()} | {"country": "GB"},
        **{"code": "acme", "purchaseOrderNumber": "7", "customFields": {"tier": "gold"}},
    }


def test_of_an_address_every_text_is_but_the_country() -> None:
    assert {*Address.personal, "country"} == Address.model_fields.keys()


def test_custom_fields_are_where_the_organization_marked_them_on_all_that_an_account_has() -> None:
    term = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01", "amount": "1"}
    fields = {"contact": "Ann", "room": 12, "tier": "gold"}
    body = sealed(created("Commitment", accountId=ID, **term, customFields=fields), "contact", "room")
    assert body["customFields"] == {"contact": SEAL.seal("Ann"), "room": SEAL.seal("12"), "tier": "gold"}


@pytest.mark.parametrize(
    ("fact", "marked"),
    [
        (created("Account", code="acme", name="acme"), ()),
        (created("Account", code="acme", name=SEAL.seal("Ann"), emailAddress=SEAL.seal("ann@example.com")), ()),
        (created("Product", code="p", name="Ann's product"), ("contact",)),
        (FACTS["AccountForgotten"].model_validate({"id": ID, "version": 2, "keyIds": ["k"]}), ()),
    ],
)
def test_where_nothing_is_personal_or_all_is_sealed_no_key_is_needed(fact: Fact, marked: tuple[str, ...]) -> None:
    assert not has_personal(fact, marked)
    assert changed_fact(fact, marked, SEAL.seal_once) is fact
