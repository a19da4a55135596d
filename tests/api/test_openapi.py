"""The OpenAPI document has real schemas for what every path takes, answers and refuses; and they are true."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.api.shown import derived_of
from services.commands.table import KINDS
from tests.api import schemas
from tests.api.schemas import SPELLED, WORDS, check_exchange, document, each_operation, faults, operations, resolved
from tests.api_client import CONFIG, healthy, http_client
from tests.store.kit import Store

OPERATIONS = list(operations())
#: What answers something else than JSON.
NOT_JSON = {
    "/organizations/{orgId}/usage/rejected/{id}/bytes",
    "/organizations/{orgId}/dataexports/jobs/{job}/file",
}
#: POST and PUT that come without a body.
BODILESS = {
    "PUT /organizations/{orgId}/bills/{bill}/lock",
    "POST /organizations/{orgId}/billjobs/{job}/cancel",
    "POST /organizations/{orgId}/bills/{bill}/statement/csv",
    *(
        f"{method} /organizations/{{orgId}}/integrationdestinations/webhooks/{{id}}/{tail}"
        for method, tail in (("PUT", "active"), ("POST", "test"), ("POST", "deliveries/{deliveryId}/replay"))
    ),
}


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(member)


def said(schema: dict[str, Any]) -> bool:
    """Whether a schema says what it is about, or what its items are."""
    node = resolved(schema)
    return (
        said(node["items"])
        if node.get("type") == "array"
        else (
            node.get("type") == "object" and bool(node.get("properties")) and node.get("additionalProperties") is False
        )
    )


@each_operation
def test_an_operation_says_what_it_takes_answers_and_refuses(method: str, path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if path not in NOT_JSON:
        assert said(responses["200"]["content"]["application/json"]["schema"])
    for status in ("4XX", "5XX"):
        schema = resolved(responses[status])["content"]["application/json"]["schema"]
        assert resolved(schema)["properties"] == {"message": {"type": "string"}}
        assert resolved(schema)["required"] == ["message"]
    takes = method in ("POST", "PUT") and f"{method} {path}" not in BODILESS
    assert ("requestBody" in operation) == takes
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert resolved(content["schema"])["properties"]


@each_operation
def test_an_operation_names_every_part_of_its_path_once(method: str, path: str, operation: dict[str, Any]) -> None:
    named = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    assert sorted(named) == sorted(re.findall(r"{([^}]+)}", path))
    every = [(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", ())]
    assert len(set(every)) == len(every)
    assert all("schema" in parameter for parameter in operation.get("parameters", ()))


def test_the_document_is_openapi_whose_every_reference_leads_somewhere() -> None:
    described = document()
    assert described["openapi"].startswith("3.1.") and described["info"].keys() >= {"title", "version"}
    references = [part["$ref"] for part in parts(described) if "$ref" in part]
    assert len(references) > 300
    for reference in references:
        assert resolved({"$ref": reference})
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids) > 100
    json.dumps(described, allow_nan=False)


def test_schemas_are_spelled_as_json_schema_spells_them() -> None:
    for name, schema in document()["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        for part in parts(schema):
            # What has none of these is a mapping of names to schemas.
            if part.keys() & {"type", "anyOf", "$ref", "enum"} and not isinstance(part.get("type"), dict):
                assert part.keys() <= SPELLED | WORDS, f"{name}: {part}"


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.single], ids=lambda kind: kind.name)
def test_what_is_derived_is_declared_and_may_be_sent_back_unread(kind: Any) -> None:
    derived = derived_of(kind)
    assert (
        sorted(kind.derived) == sorted(str(field.alias) for field in derived.model_fields.values()) if derived else True
    )
    schemas = document()["components"]["schemas"]
    for name in ("id", "dtCreated", *kind.derived):
        assert schemas[kind.model.__name__]["properties"][name] == {"readOnly": True}
    assert "version" in schemas[f"{kind.model.__name__}Update"]["required"]


def test_money_is_a_number_in_bodies_and_in_answers_and_absent_is_not_null() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Commitment"]["properties"]["amount"] == {"type": "number", "exclusiveMinimum": 0}
    assert schemas["CommitmentAnswer"]["properties"]["amount"] == {"type": "number", "exclusiveMinimum": 0}
    assert {"type": "null"} in schemas["Commitment"]["properties"]["contractId"]["anyOf"]
    answers = [schema for name, schema in schemas.items() if "Answer" in name or name.endswith("-Output")]
    assert answers and not [part for schema in answers for part in parts(schema) if part.get("type") == "null"]


def test_the_check_finds_what_is_wrong() -> None:
    schema = {"$ref": "#/components/schemas/ProductAnswer"}
    right = {
        "id": "1", "version": 1, "code": "c", "name": "n", "createdBy": "u", "lastModifiedBy": "u",
        "dtCreated": "2026-01-01T00:00:00Z", "dtLastModified": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert faults(schema, right) == []
    wrongs: list[dict[str, Any]] = [
        {"version": "1"}, {"name": None}, {"colour": "red"}, {"dtCreated": "2026-01-01"}, {"code": ""},
        {"customFields": {"a": []}},
    ]  # fmt: skip
    for wrong in wrongs:
        assert faults(schema, right | wrong), wrong
    assert faults(schema, {"id": "1"})


@pytest_asyncio.fixture(loop_scope="session")
async def checked(url: str, store: Store, waited: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose every exchange is compared with the document."""
    hooks: dict[str, list[Any]] = {"response": [check_exchange]}
    async with http_client(f"{url}/organizations/{store.organization}") as client:
        client.event_hooks = hooks
        yield client


@pytest.mark.stack
async def test_the_server_serves_the_document(url: str) -> None:
    async with http_client(url) as client:
        assert (await client.get("/openapi.json")).json() == schemas.document()


@pytest.mark.stack
async def test_the_catalog_is_taken_and_answered_as_it_is_declared(checked: httpx.AsyncClient) -> None:
    async def made(path: str, **body: Any) -> str:
        answer = await checked.post(path, json=body)
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert (await checked.put(f"{path}/{shown['id']}", json=shown)).status_code == 200
        assert (await checked.get(f"{path}/{shown['id']}")).status_code == 200
        assert len((await checked.get(path)).json()["data"]) == 1
        return str(shown["id"])

    product = await made("/products", code="p", name="P", customFields={"a": "x", "b": 1, "c": 1.5})
    meter = await made(
        "/meters", code="m", name="M", productId=product,
        dataFields=[{"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}],
    )  # fmt: skip
    aggregation = await made(
        "/aggregations", name="A", meterId=meter, targetField="calls", aggregation="SUM", rounding="NONE",
        quantityPerUnit=0.1, unit="call", defaultValue=None,
    )  # fmt: skip
    template = await made(
        "/plantemplates", productId=product, name="T", currency="USD", billFrequency="MONTHLY", standingCharge=9.99
    )
    plan = await made("/plans", code="plan", name="Plan", planTemplateId=template, minimumSpend=5)
    await made(
        "/pricings", planId=plan, aggregationId=aggregation, startDate="2026-01-01",
        pricingBands=[{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0.000000000000000001}],
    )  # fmt: skip
    counter = await made("/counters", name="Seats", unit="seat", productId=product)
    await made(
        "/counterpricings", planId=plan, counterId=counter, startDate="2026-01-01T00:00:00Z",
        pricingBands=[{"lowerLimit": 0, "fixedPrice": 1, "unitPrice": 2}],
    )  # fmt: skip
    account = await made("/accounts", code="acme", name="Acme", emailAddress="a@b.c", address={"country": "DE"})
    await made("/contracts", accountId=account, name="C", startDate="2026-01-01", endDate="2027-01-01")
    await made("/accountplans", accountId=account, planId=plan, startDate="2026-01-01")
    await made("/counteradjustments", accountId=account, counterId=counter, date="2026-01-05", value=3)
    for path in ("/accounts/search", f"/accounts/{account}/children", "/organizationconfig", "/clock", "/conservation"):
        assert (await checked.get(path)).status_code == 200
    assert (await checked.delete(f"/accounts/{account}")).status_code == 409


@pytest.mark.stack
async def test_commitments_balances_and_jobs_are_taken_and_answered_as_declared(
    checked: httpx.AsyncClient, store: Store
) -> None:
    account = await store.account()
    terms = {
        "accountId": account,
        "amount": 100.5,
        "currency": "USD",
        "startDate": "2026-01-01",
        "endDate": "2027-01-01",
    }
    fee = {"date": "2026-02-01", "amount": 50, "servicePeriodStartDate": "2026-01-01"}
    fields_in_answers = (
        await checked.post(
            "/commitments", json=terms | {"feeDates": [fee | {"servicePeriodEndDate": "2026-02-01T00:00:00Z"}]}
        )
    ).json()
    path = f"/commitments/{fields_in_answers['id']}"
    assert fields_in_answers["amountUnscheduled"] == 50.5
    assert (await checked.post(f"{path}/topups", json={"amount": 1, "date": "2026-02-01", "version": 1})).is_success
    assert (await checked.post(f"{path}/cancel", json={"date": "2026-03-01", "version": 2})).json()["cancellation"]
    minimum = await checked.post("/commitments", json=terms | {"commitmentType": "MINIMUM", "prorate": True})
    assert minimum.json()["periods"]
    for read in (path, f"{path}/history", "/commitments", "/commitments/search", f"{path}?asOf=2026-06-01"):
        assert (await checked.get(read)).status_code == 200
    assert (await checked.delete(path)).status_code == 200
    balance = (await checked.post("/balances", json={**terms, "code": "b", "name": "B"} | {"amount": 7})).json()
    assert balance["amount"] == 0
    put = f"/balances/{balance['id']}/transactions"
    assert (await checked.post(put, json={"amount": 10, "paid": 9.5, "currencyPaid": "EUR"})).status_code == 200
    assert len((await checked.get(put)).json()["data"]) == 1
    job = {"currencyConversions": [{"from": "USD", "to": "EUR", "multiplier": 1.25}], "billDate": "2026-02-01"}
    made = await checked.post("/billjobs", json=job)
    assert made.json()["currencyConversions"][0]["multiplier"] == 1.25
    for read in ("/billjobs", f"/billjobs/{made.json()['id']}", "/bills", "/bills/search", "/lineitems"):
        assert (await checked.get(read)).status_code == 200
    assert (await checked.post(f"/billjobs/{made.json()['id']}/cancel")).status_code == 200


@pytest.mark.stack
async def test_an_organization_and_what_stands_beside_them_are_answered_as_declared(url: str, store: Store) -> None:
    hooks: dict[str, list[Any]] = {"response": [check_exchange]}
    async with http_client(url) as client:
        client.event_hooks = hooks
        path = f"/organizations/{store.organization}-told"
        assert (await client.get(f"{path}/clock")).status_code == 403
        conversion = {"from": "USD", "to": "EUR", "multiplier": 0.9}
        body = CONFIG | {"testClock": True, "currencyConversions": [conversion]}
        assert (await client.put(f"{path}/organizationconfig", json=body)).status_code == 200
        assert (await client.post(f"{path}/clock", json={"now": "2026-02-01T00:00:00Z"})).status_code == 200
        await healthy(client)
        grant = {"grant_type": "client_credentials"}
        assert (await client.post("/oauth/token", json=grant, auth=await store.key())).status_code == 200
        assert (await client.post("/oauth/token", json=grant)).status_code == 401
