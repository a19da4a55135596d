"""Records of topics against the AsyncAPI document."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import jsonschema

from services.contracts.topics import asyncapi


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(one)


@cache
def _checks(message: str) -> dict[str, jsonschema.Draft7Validator]:
    """By part of a message, what holds it to its schema."""
    document = asyncapi()
    told = document["components"]["messages"][message]
    formats = jsonschema.FormatChecker()
    return {
        part: jsonschema.Draft7Validator({"components": document["components"], **told[part]}, format_checker=formats)
        for part in ("headers", "payload")
        if part in told
    }


def faults_of(message: str, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Why a record is not such a message."""
    document = asyncapi_type(message)
    payload = json.loads(value) if document == "application/json" else None
    sent = {"headers": {name: (content or b"").decode() for name, content in headers}, "payload": payload}
    return [
        f"{part}{fault.json_path}: {fault.message}"
        for part, check in _checks(message).items()
        for fault in check.iter_errors(sent[part])
    ]


@cache
def asyncapi_type(message: str) -> str:
    """What a message's bytes are."""
    return str(asyncapi()["components"]["messages"][message]["contentType"])
