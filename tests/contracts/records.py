"""Records of topics against the AsyncAPI document."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from services.contracts.cli import ASYNCAPI

#: The committed one: that it is what the code says is a test of its own.
DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent.parent.parent / ASYNCAPI).read_bytes())


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(member)


@cache
def _checks(message: str) -> dict[str, jsonschema.Draft7Validator]:
    """By part of a message, what holds it to its schema."""
    told = DOCUMENT["components"]["messages"][message]
    formats = jsonschema.FormatChecker()
    return {
        part: jsonschema.Draft7Validator({"components": DOCUMENT["components"], **told[part]}, format_checker=formats)
        for part in ("headers", "payload")
        if part in told
    }


def faults_of(message: str, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Why a record is not such a message."""
    is_json = DOCUMENT["components"]["messages"][message]["contentType"] == "application/json"
    payload = json.loads(value) if is_json else None
    sent = {"headers": {name: (content or b"").decode() for name, content in headers}, "payload": payload}
    return [
        f"{part}{fault.json_path}: {fault.message}"
        for part, check in _checks(message).items()
        for fault in check.iter_errors(sent[part])
    ]
