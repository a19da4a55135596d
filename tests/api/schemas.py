"""The OpenAPI document as tests use it: which operation a request is of, and what in an answer its schema forbids."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from services.api.app import create_app
from services.kafka import Cluster

#: What is looked at, of a schema's members; any other in the document fails the test that finds it.
SPELLED = {
    *("$ref", "anyOf", "type", "enum", "const", "properties", "required", "additionalProperties", "items", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "minItems", "maxItems", "minLength", "maxLength", "pattern"),
    *("maxProperties", "propertyNames"),
}
#: What says nothing about a value.
WORDS = {"title", "description", "default", "readOnly", "examples"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, Decimal),
    "null": (type(None),),
}
_COMMITTED = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


@cache
def idle_app() -> FastAPI:
    """An app that reaches nothing; it takes half a second to make."""
    return create_app("postgresql://nobody@127.0.0.1:1/none", Cluster("127.0.0.1:1"))


@cache
def document() -> dict[str, Any]:
    """The committed one, which costs nothing; that it is what the app says is a test of its own, tests/contracts."""
    committed: dict[str, Any] = json.loads(_COMMITTED.read_bytes())
    return committed


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of everything that is served."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def each_operation(test: Callable[[str, str, dict[str, Any]], None]) -> Callable[[], None]:
    """Makes of a test about an operation one about all of them, whose failure names each that fails. As tests of their
    own they would take longer to be told about than to run."""

    def of_all() -> None:
        faults_found = []
        for method, path, operation in operations():
            try:
                test(method, path, operation)
            except AssertionError as fault:
                fault.add_note(f"of {method} {path}")
                faults_found.append(fault)
        if faults_found:
            raise ExceptionGroup(test.__name__, faults_found)

    of_all.__name__, of_all.__qualname__, of_all.__module__ = test.__name__, test.__qualname__, test.__module__
    return of_all


#: Method and path of everything below an organization.
OPERATIONS_BELOW = [(method, path) for method, path, _ in operations() if path.startswith("/organizations/{orgId}/")]


def placed(path: str, organization: str) -> str:
    """The path with an organization, and with ids of nothing."""
    return re.sub(r"{[^}]+}", "none", path.replace("{orgId}", organization))


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, if it is referred to."""
    while "$ref" in schema:
        node: Any = document()
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = node
    return schema


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation of a request; a path without a placeholder comes before one with."""
    for template, methods in sorted(document()["paths"].items(), key=lambda item: item[0].count("{")):
        if method.lower() in methods and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", template), path):
            operation: dict[str, Any] = methods[method.lower()]
            return operation
    return None


def faults(schema: dict[str, Any], value: Any, path: str = "answer") -> list[str]:
    """Why the value is not what the schema says."""
    schema = resolved(schema)
    unknown = schema.keys() - SPELLED - WORDS
    assert not unknown, f"{path}: nobody checks {unknown}"
    if "anyOf" in schema:
        tried = [faults(choice, value, path) for choice in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    types = _TYPES.get(schema.get("type", ""))
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return [f"{path}: {value!r} is no {schema['type']}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{path}: {value!r} is not a choice"]
    return [*_bounds(schema, value, path), *_members(schema, value, path)]


def _bounds(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        low, above, high = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
        inside = (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high)
        if not inside:
            yield f"{path}: {value} is out of bounds"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{path}: {value!r} has a wrong length"
        if not re.search(schema.get("pattern", ""), value):
            yield f"{path}: {value!r} has another pattern"
        try:
            {"date": date.fromisoformat, "date-time": datetime.fromisoformat}.get(schema.get("format", ""), str)(value)
        except ValueError:
            yield f"{path}: {value!r} is no {schema['format']}"
        if schema.get("format") == "date-time" and "T" not in value:
            yield f"{path}: {value!r} is no date-time"


def _members(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{path}: has {len(value)} items"
        for number, item in enumerate(value):
            yield from faults(schema.get("items", {}), item, f"{path}[{number}]")
    if isinstance(value, dict):
        if len(value) > schema.get("maxProperties", len(value)):
            yield f"{path}: has {len(value)} members"
        for name in value if "propertyNames" in schema else ():
            yield from faults(schema["propertyNames"], name, f"{path}.{name}")
        declared, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (f"{path}: lacks {name}" for name in schema.get("required", ()) if name not in value)
        for name, member in value.items():
            if name not in declared and others is False:
                yield f"{path}: {name} is not declared"
            else:
                yield from faults(
                    declared.get(name, others if isinstance(others, dict) else {}), member, f"{path}.{name}"
                )


def check_answer(method: str, path: str, status: int, text: str) -> None:
    """The answer is what the document says that this operation answers with this status."""
    operation = operation_of(method, path)
    if operation is None or status == 405:
        return
    responses = operation["responses"]
    [content] = resolved(responses.get(str(status), responses.get(f"{status // 100}XX")))["content"].items()
    if content[0] == "application/json":
        value = json.loads(text, parse_float=Decimal)
        assert faults(content[1]["schema"], value) == [], f"{method} {path} {status}: {text[:500]}"


def check_sent(method: str, path: str, body: bytes) -> None:
    """A body that was taken is what the document says that this operation takes."""
    operation = operation_of(method, path)
    assert operation is not None
    if body and "requestBody" in operation:
        value = json.loads(body, parse_float=Decimal)
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert faults(schema, value, "body") == [], f"{method} {path}: {body[:500]!r}"


async def check_exchange(response: httpx.Response) -> None:
    """An event hook of an HTTP client: each answer, and each body that was taken, is as it is declared."""
    await response.aread()
    request = response.request
    check_answer(request.method, request.url.path, response.status_code, response.text)
    if response.status_code == 200:
        check_sent(request.method, request.url.path, request.content)
