"""The OpenAPI document is OpenAPI by its own standard, and shows, names and explains every operation."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import jsonschema_rs
from openapi_spec_validator.schemas import schema_v31

from services.api.operations import operation_id
from services.api.scopes import TELLING
from services.store.idempotency import KEY_LENGTH_MAX
from tests.api.schemas import document, each_operation, operations, resolved

DOCUMENT = document()
OPERATIONS = list(operations())
#: What answers bytes whose example would say nothing.
BYTES = "application/octet-stream"


def test_the_document_is_what_openapi_3_1_asks_for() -> None:
    check = jsonschema_rs.Draft202012Validator(dict(schema_v31))
    assert [f"{fault.instance_path}: {fault.message}" for fault in check.iter_errors(DOCUMENT)] == []
    wrong = {**DOCUMENT, "paths": {"/x": {"get": {"responses": {"200": {}}}}}}
    assert not check.is_valid(wrong)


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


_WEBHOOK = "/integrationdestinations/webhooks/{id}"
UNREAD = {
    ("POST", f"/organizations/{{orgId}}{path}")
    for path in (
        *("/billjobs/{job}/cancel", "/bills/{bill}/statement/csv"),
        *(f"{_WEBHOOK}/test", f"{_WEBHOOK}/deliveries/{{deliveryId}}/replay"),
    )
}


@each_operation
def test_an_operation_is_named_by_its_path_said_in_words_and_open_to_whom_it_says(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["operationId"] == operation_id(method, path)
    assert re.fullmatch(r"[a-z]+[A-Z][A-Za-z0-9]*", operation["operationId"])
    assert operation["summary"] and not operation["summary"].endswith(".")
    assert operation["description"] and "Raises" not in operation["description"]
    assert {"name": operation["tags"][0]} in DOCUMENT["tags"]
    schemes = [name for way in operation["security"] for name in way]
    assert bool(schemes) == (path != "/health")
    assert {*schemes} <= DOCUMENT["components"]["securitySchemes"].keys()


@each_operation
def test_an_operation_names_its_refusals(method: str, path: str, operation: dict[str, Any]) -> None:
    below = path.startswith("/organizations/{orgId}")
    # m3ter's ingest refuses with 403 what is too large; some bodies say nothing, and are read all the same.
    heard = "requestBody" in operation or (method, path) in UNREAD
    tells = method == "GET" or (method, path.removeprefix("/organizations/{orgId}")) in TELLING
    wanted = {
        "400": True,
        "401": path != "/health",
        "403": below,
        "404": "{" in path.removeprefix("/organizations/{orgId}"),
        "409": (below and not tells) or path.endswith(("/bills/preview", "/bills/whatif")),
        "413": heard and not path.endswith("/measurements"),
        "415": heard,
        "429": below,
        "503": True,
    }
    assert {status: status in operation["responses"] for status in wanted} == wanted
    for status, response in operation["responses"].items():
        assert resolved(response)["description"], status


@each_operation
def test_an_example_stands_beside_every_body_and_answer_and_is_what_the_schema_says(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    own = [response for response in operation["responses"].values() if "$ref" not in response]
    assert own and not [
        fault for described in (operation.get("requestBody", {}), *own) for fault in faults_of_examples(described)
    ]


def faults_of_examples(holder: dict[str, Any]) -> Iterator[str]:
    """What in the examples of a body or an answer its schema forbids."""
    for kind, media in holder.get("content", {}).items():
        if kind != BYTES and media["schema"].get("format") != "binary":
            many = [resolved(example)["value"] for example in media.get("examples", {}).values()]
            shown = [media["example"]] if "example" in media else many
            schema = {"components": DOCUMENT["components"], **media["schema"]}
            check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
            yield from (fault.message for example in shown for fault in check.iter_errors(example))
            if not shown:
                yield f"{kind} has no example"


def test_every_post_below_an_organization_that_changes_something_may_have_a_key() -> None:
    keyed = 0
    for method, path, operation in OPERATIONS:
        sent = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "header"]
        changes = method == "POST" and (method, path.removeprefix("/organizations/{orgId}")) not in TELLING
        assert [parameter["name"] for parameter in sent] == (
            ["Idempotency-Key"] if changes and "{orgId}" in path else []
        ), path
        for key in sent:
            assert key["schema"] == {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX}
            keyed += 1
    assert keyed > 25


def test_every_component_is_referred_to() -> None:
    referred = set(re.findall(r'"\$ref": "#/components/(\w+/[^"]+)"', json.dumps(DOCUMENT)))
    named = {f"{group}/{name}" for group, members in DOCUMENT["components"].items() for name in members}
    schemes = {name for name in named if name.startswith("securitySchemes/")}
    assert named - schemes == referred


def test_an_error_of_each_status_is_told_by_its_own_messages() -> None:
    responses = DOCUMENT["components"]["responses"]
    assert "`there is no {kind} with id {id}`" in responses["NotFound"]["description"]
    media = responses["NotFound"]["content"]["application/json"]
    assert media["example"]["message"].startswith("there is no commitment with id ")
    for response in responses.values():
        assert not re.search(r"{\w+}", response["content"]["application/json"]["example"]["message"])
        assert [*faults_of_examples(response)] == []


def test_a_filter_of_a_list_is_said_in_words() -> None:
    [pricings] = [operation for method, path, operation in OPERATIONS if (method, path[-9:]) == ("GET", "/pricings")]
    words = {parameter["name"]: parameter.get("description") for parameter in pricings["parameters"]}
    assert words["aggregationId"] == "Those whose `aggregationId` is this."
    assert words["date"] == "Those that hold on this day."
    [plans] = [operation for method, path, operation in OPERATIONS if (method, path[-13:]) == ("GET", "/accountplans")]
    words = {parameter["name"]: parameter.get("description") for parameter in plans["parameters"]}
    assert words["product"] == "Those whose plan's planTemplate's `productId` is this."
    assert all(words.values())
