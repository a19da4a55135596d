"""The AsyncAPI document: for each topic its messages, direction, keys, headers, partitions and retention."""

from importlib.metadata import version
from inspect import getdoc
from typing import Any

from events.facts import FACTS
from events.facts.usage import UsageRated
from events.topics import (
    ARRIVAL_HEADER,
    BILL_LINES,
    CATALOG,
    CHECKPOINTS,
    CUT_HEADER,
    EVENTS,
    NOTIFICATIONS,
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    RULE_HEADER,
    TOPIC_HEADER,
    TOPICS,
    TREE_HEADS,
    USAGE,
    USAGE_REJECTED,
    Topic,
)
from services.contracts.bindings import channel_binding, message_binding, partitions_in_words, retention_in_words
from services.contracts.records import LINE_ITEM, NOTIFICATION, SCHEMAS, USAGE_EVENT, record_of, schemas
from services.ingest.cloudevent import ATTRIBUTES
from services.refusals.refusal import Reason
from services.relay.relay import topic_partitions
from services.sight.traceparent import HEADER as TRACE_HEADER

_JSON, _BYTES = "application/json", "application/octet-stream"
_TEXT, _WHOLE = {"type": "string"}, {"type": "string", "pattern": "^[0-9]+$"}
_BINARY_USAGE, _REFUSED, _CHECKPOINT, _TREE_HEAD = "BinaryUsageEvent", "RefusedUsage", "Checkpoint", "TreeHead"
_SIGNED = {
    _CHECKPOINT: "how far the log is audited, and the digests of what it says.",
    _TREE_HEAD: "the root of a partition's Merkle tree (RFC 6962) so far.",
}
#: The messages of the topics that hold something else than facts.
_OTHERS = {
    USAGE: [USAGE_EVENT, _BINARY_USAGE],
    USAGE_REJECTED: [_REFUSED],
    BILL_LINES: [LINE_ITEM],
    NOTIFICATIONS: [NOTIFICATION],
    CHECKPOINTS: [_CHECKPOINT],
    TREE_HEADS: [_TREE_HEAD],
}
#: For each topic: whether Trueup receives from or sends to others by it, and what it is for.
_ABOUT = {
    USAGE: ("receive", "Usage, as anybody publishes it. What is refused goes to `usage.rejected`; the rest goes on."),
    EVENTS: ("send", "The log: every fact about an account, its usage and its bills, in one order per account."),
    CATALOG: ("send", "Facts of a whole organization, in one order: products, meters, plans, prices, all accounts."),
    BILL_LINES: ("send", "The lines of issued bills, for invoicing, keyed by billing account."),
    NOTIFICATIONS: ("send", "Alerts that were raised, keyed by billing account; nothing is told of the past."),
    USAGE_REJECTED: ("send", "Usage that was refused, as it came, with the reason; it can be sent again."),
    CHECKPOINTS: ("send", "What audits have proved, signed with the operator's key; nobody else has a use for it."),
    TREE_HEADS: ("send", "What the log is known by at each quarter hour, signed with the operator's key."),
}
_DESCRIPTION = """What Trueup takes from Kafka and puts there.

A reader of `billing.events` or `billing.catalog` applies a record only if its `sequence` is greater than the last that
it applied from that `source` in that partition: what was appended twice counts once. A consumer of
`billing.bill-line-items` keeps the last (`position`, `line`) of each partition for the same end, one of
`billing.notifications` the `id` of each alert. Numbers are texts in
plain notation, exact. Topics bear the prefix that the installation was given (`TRUEUP_KAFKA_TOPIC_PREFIX`), which is
none here. Facts of an older `schema` have the members of that version; none is ever taken away. What HTTP
takes and answers is described in `docs/openapi.json`."""


def asyncapi() -> dict[str, Any]:
    """The whole document, as JSON values, in AsyncAPI 3.0."""
    messages = {**_facts(), **_usage(), _REFUSED: _refused(), LINE_ITEM: _line_item(), NOTIFICATION: _notification()}
    messages |= {name: _signed(name, what) for name, what in _SIGNED.items()}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:trueup",
        "info": {"title": "Trueup", "version": version("trueup"), "description": _DESCRIPTION},
        "defaultContentType": _JSON,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {_operation_id(topic): _operation(topic) for topic in TOPICS},
        "components": {"messages": messages, "schemas": schemas()},
    }


def messages_of(topic: str) -> list[str]:
    """Names of the messages that a topic carries. For facts, this follows from where the relay publishes them."""
    if topic in _OTHERS:
        return _OTHERS[topic]
    return [name for name, fact in FACTS.items() if topic in {name for name, _ in topic_partitions(fact.route, 0, 1)}]


def _channel(topic: Topic) -> dict[str, Any]:
    _, what = _ABOUT[topic.name]
    return {
        "address": topic.name,
        "description": f"{what} {partitions_in_words(topic)} {retention_in_words(topic)}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages_of(topic.name)},
        "bindings": channel_binding(topic),
    }


def _operation_id(topic: Topic) -> str:
    words = topic.name.replace(".", " ").replace("-", " ").title().replace(" ", "")
    return _ABOUT[topic.name][0] + words


def _operation(topic: Topic) -> dict[str, Any]:
    action, what = _ABOUT[topic.name]
    return {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}, "summary": what}


def _facts() -> dict[str, Any]:
    key = "The account that the fact is about, or else the organization; usage has none"
    traced = {TRACE_HEADER: _TEXT | {"description": "Its publisher's, where Trueup traces (docs/operation.md)."}}
    return {
        name: {
            "name": name,
            "title": name,
            "summary": (getdoc(fact) or name).split("\n")[0],
            "contentType": _JSON,
            "payload": record_of(name),
            "bindings": message_binding(key),
            **({"headers": _headers(traced, required=[])} if fact is UsageRated else {}),
        }
        for name, fact in FACTS.items()
    }


def _usage() -> dict[str, Any]:
    arrival = {
        ARRIVAL_HEADER: _WHOLE | {"description": "When it arrived first, in ms, where Trueup moved it."},
        TRACE_HEADER: _TEXT | {"description": "W3C Trace Context, of a publisher who follows it (docs/operation.md)."},
    }
    attributes = {f"ce_{name}": _TEXT for name in ATTRIBUTES}
    key = "Best `<organization>/<account code>`, which hits the account's partition; any other costs a way round"
    common = {"contentType": _JSON, "bindings": message_binding(key)}
    data = f"{SCHEMAS.format(model=USAGE_EVENT)}/properties/data"
    structured = common | {
        "name": USAGE_EVENT,
        "summary": "A CloudEvent in structured mode: all of it is the value.",
        "headers": _headers(arrival, required=[]),
        "payload": {"$ref": SCHEMAS.format(model=USAGE_EVENT)},
        "examples": [{"payload": _EXAMPLE}],
    }
    binary = common | {
        "name": _BINARY_USAGE,
        "summary": "The same in binary mode: its attributes are headers, its data the value.",
        "headers": _headers({**attributes, "content-type": _TEXT, **arrival}, required=[*attributes]),
        "payload": {"$ref": data},
        "examples": [{"payload": _EXAMPLE["data"]}],
    }
    return {USAGE_EVENT: structured, _BINARY_USAGE: binary}


def _refused() -> dict[str, Any]:
    ours: dict[str, Any] = {
        REASON_HEADER: {"type": "string", "enum": [*Reason], "description": "Why; programs count by it."},
        RULE_HEADER: _TEXT | {"description": "The rule that was broken, in words."},
        TOPIC_HEADER: _TEXT | {"description": "The topic that it stood in."},
        PARTITION_HEADER: _WHOLE | {"description": "Its partition there."},
        OFFSET_HEADER: _WHOLE | {"description": "Its offset there."},
        ARRIVAL_HEADER: _WHOLE | {"description": "When it arrived first, in ms."},
    }
    cut = {CUT_HEADER: _TEXT | {"description": "Its size and SHA-256, if it was too large to be kept whole."}}
    return {
        "name": _REFUSED,
        "summary": "The value, key and headers as they came, with headers that say why it was refused.",
        "contentType": _BYTES,
        "headers": _headers(ours | cut, required=[*ours]),
        "payload": {"description": "Bytes, whatever they are."},
        "bindings": message_binding("The key that it came with"),
    }


def _line_item() -> dict[str, Any]:
    headers = {
        "position": _WHOLE | {"description": "Where the bill's issue stands in the event store."},
        "line": _WHOLE | {"description": "The line's number on the bill."},
    }
    return {
        "name": LINE_ITEM,
        "summary": "A line of a bill that was issued.",
        "contentType": _JSON,
        "headers": _headers(headers, required=[*headers]),
        "payload": {"$ref": SCHEMAS.format(model=LINE_ITEM)},
        "bindings": message_binding("The root of the account's family, whose bills are in one partition"),
    }


def _notification() -> dict[str, Any]:
    headers = {"position": _WHOLE | {"description": "Where the alert stands in the event store."}}
    return {
        "name": NOTIFICATION,
        "summary": "An alert that was raised: a CloudEvent in structured mode.",
        "contentType": _JSON,
        "headers": _headers(headers, required=[*headers]),
        "payload": {"$ref": SCHEMAS.format(model=NOTIFICATION)},
        "bindings": message_binding("The root of the account's family"),
    }


def _signed(name: str, what: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": f"A JSON Web Signature in compact form: {what}",
        "contentType": "application/jwt",
        "payload": {"type": "string"},
        "bindings": message_binding("None"),
    }


def _headers(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "type": "trueup.usage",
    "id": "r-1",
    "source": "/gateway",
    "subject": "acme",
    "time": "2026-01-15T12:00:00Z",
    "organization": "my-org",
    "data": {"meter": "api", "measure": {"calls": 3}},
}
