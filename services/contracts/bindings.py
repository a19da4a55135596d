"""How a topic is partitioned, keyed and kept, as AsyncAPI's bindings for Kafka have it, and in words."""

from typing import Any

from events.topics import Topic
from services.run.settings import Settings

_VERSION = "0.5.0"
#: Settings of a topic that the bindings have numbers for.
_NUMBERS = ("retention.ms", "retention.bytes")


def channel_binding(topic: Topic) -> dict[str, Any]:
    """Partitions where they are fixed, and how long records stay; -1 is for ever."""
    config = topic.config
    settings: dict[str, Any] = {name: int(config[name]) for name in _NUMBERS}
    settings |= {
        "cleanup.policy": config["cleanup.policy"].split(","),
        "max.message.bytes": Settings.model_fields["max_record_bytes"].default,
    }
    binding: dict[str, Any] = {"topic": topic.name, "topicConfiguration": settings, "bindingVersion": _VERSION}
    return {"kafka": binding | ({"partitions": topic.partitions} if topic.partitions else {})}


def message_binding(key: str) -> dict[str, Any]:
    """`key`: what a record's key is, in words."""
    return {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _VERSION}}


def partitions_in_words(topic: Topic) -> str:
    """How many partitions there are, for the channel's description."""
    if topic.partitions:
        return f"{topic.partitions} partition."
    usual = Settings.model_fields["partitions"].default
    return f"As many partitions as `TRUEUP_PARTITIONS` says when topics are made, {usual} unless set, for life."


def retention_in_words(topic: Topic) -> str:
    """How long records stay, and whose clock stamps them."""
    ms = int(topic.config["retention.ms"])
    how_long = "for ever" if ms < 0 else f"for {ms // (24 * 60 * 60 * 1000)} days"
    return f"Records stay {how_long}, and bear the time at which the broker took them."
