"""The AsyncAPI document names every topic, fact and header, its references lead somewhere, and records fit its schemas.

AsyncAPI's own JSON Schema is to be had as no Python package, so what it asks of a document is asked here by hand.
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from events.facts import FACTS
from events.facts.base import Route
from events.topics import BILL_LINES, CATALOG, EVENTS, TOPICS, USAGE, USAGE_REJECTED
from services.api.measurement_bodies import read_items
from services.api.measurements import placed
from services.contracts.asyncapi import messages_of
from services.ingest.elsewhere import rejected
from services.refusals.refusal import Reason, Refused
from tests.contracts.records import DOCUMENT, faults_of, parts
from tests.refusals.kit import Came

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("*.json"))
#: Words of JSON Schema draft 7, which AsyncAPI's schemas are; any other would be read over.
DRAFT_7 = {
    *("$ref", "allOf", "anyOf", "oneOf", "type", "enum", "const", "properties", "required", "additionalProperties"),
    *("items", "format", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern"),
    *("title", "description"),
}


def test_every_topic_is_a_channel_with_its_settings_and_an_operation() -> None:
    assert list(DOCUMENT["channels"]) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        kafka = DOCUMENT["channels"][topic.name]["bindings"]["kafka"]
        assert kafka["topic"] == topic.name and kafka.get("partitions") == topic.partitions
        kept = kafka["topicConfiguration"]
        assert str(kept["retention.ms"]) == topic.config["retention.ms"]
        assert kept["cleanup.policy"] == [topic.config["cleanup.policy"]]
    action_by_channel = {
        operation["channel"]["$ref"]: operation["action"] for operation in DOCUMENT["operations"].values()
    }
    assert action_by_channel == {
        f"#/channels/{topic.name}": "receive" if topic.name == USAGE else "send" for topic in TOPICS
    }


def test_every_fact_is_a_message_of_the_topics_that_the_relay_puts_it_into() -> None:
    log, catalog = messages_of(EVENTS), messages_of(CATALOG)
    assert {*log, *catalog} == FACTS.keys()
    for name, fact in FACTS.items():
        assert (name in log) == (fact.route is not Route.CATALOG)
        assert (name in catalog) == (fact.route is not Route.ACCOUNT)


def test_what_is_referred_to_is_there_and_every_message_says_what_it_is() -> None:
    references = [part["$ref"] for part in parts(DOCUMENT) if isinstance(part.get("$ref"), str)]
    assert len(references) > 200
    for reference in references:
        node: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    assert DOCUMENT["asyncapi"] == "3.0.0" and DOCUMENT["info"].keys() >= {"title", "version"}
    used = {name for topic in TOPICS for name in messages_of(topic.name)}
    assert used == DOCUMENT["components"]["messages"].keys()
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message["name"] == name and message["summary"] and message["contentType"] and "payload" in message
        assert message["bindings"]["kafka"]["key"]["description"]


def test_schemas_have_words_of_draft_7_only_and_are_valid() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, schema in schemas.items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        for part in parts(schema):
            if part.keys() & {"type", "anyOf", "oneOf", "$ref", "enum"} and not isinstance(part.get("type"), dict):
                assert part.keys() <= DRAFT_7, f"{name}: {part}"


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_fact_that_was_ever_stored_is_as_its_schema_says(file: Path) -> None:
    document = json.loads(file.read_text())
    assert faults_of(document["type"], file.read_bytes(), []) == []
    # And nothing else is: neither another type's data, nor what a version that nobody knows may have.
    assert faults_of(document["type"], json.dumps(document | {"type": "Other"}).encode(), [])
    newer = document | {"schema": FACTS[document["type"]].schema_version + 1}
    assert faults_of(document["type"], json.dumps(newer).encode(), [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"subject": None}, "subject"),
        ({"data": {"meter": "api", "measure": {"calls": "3"}}}, "calls"),
        ({"data": {"meter": "api", "colour": {}}}, "colour"),
        ({"type": "other"}, "type"),
        ({"id": ""}, "id"),
    ],
)
def test_a_usage_event_that_ingest_would_refuse_does_not_fit(change: dict[str, Any], told: str) -> None:
    [example] = DOCUMENT["components"]["messages"]["UsageEvent"]["examples"]
    assert faults_of("UsageEvent", json.dumps(example["payload"]).encode(), []) == []
    event = {name: value for name, value in (example["payload"] | change).items() if value is not None}
    [fault] = faults_of("UsageEvent", json.dumps(event).encode(), [])
    assert told in fault


def test_what_http_submits_is_a_usage_event() -> None:
    item = {
        "account": "acme",
        "meter": "api",
        "ts": "2026-01-15T12:00:00Z",
        "measure": {"calls": 2.5},
        "who": {"u": "x"},
    }
    items = read_items(json.dumps({"measurements": [item]}).encode())
    [record] = placed(items, "my-org", {"acme": 0}, "stem")[0].records
    assert faults_of("UsageEvent", record.value or b"", record.headers or ()) == []


@pytest.mark.parametrize("size", [10, 5000])
def test_a_refused_record_has_the_headers_that_the_document_names(size: int) -> None:
    came = Came(b"key", b"x" * size, [("own", b"1")], 7)
    record = rejected(came, 3, Refused(Reason.NOT_JSON, "must be JSON"), 1, 8000)
    headers = record.headers or ()
    assert faults_of("RefusedUsage", b"", headers) == []
    assert faults_of("RefusedUsage", b"", [header for header in headers if header[0] != "trueup-reason"])
    assert messages_of(USAGE_REJECTED) == ["RefusedUsage"] and messages_of(BILL_LINES) == ["BillLineItem"]
