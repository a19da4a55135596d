"""The partitions, keys and retention of a topic, in the form of AsyncAPI's Kafka bindings, and in words."""

from typing import Any

from events.topics import Topic
from services.run.settings import Settings

_VERSION = "0.5.0"
#: Settings of a topic that are numbers in the bindings.
_NUMBERS = ("retention.ms", "retention.bytes")


def channel_binding(topic: Topic) -> dict[str, Any]:
    """The channel's binding: the number of partitions if it is fixed, retention (-1 is for ever), largest record."""
    config = topic.config
    settings: dict[str, Any] = {name: int(config[name]) for name in _NUMBERS}
    settings |= {
        "cleanup.policy": config["cleanup.policy"].split(","),
        "max.message.bytes": Settings.model_fields["max_record_bytes"].default,
    }
    binding: dict[str, Any] = {"topic": topic.name, "topicConfiguration": settings, "bindingVersion": _VERSION}
    return {"kafka": binding | ({"partitions": topic.partitions} if topic.partitions else {})}


def message_binding(key: str) -> dict[str, Any]:
    """The message's binding. `key`: what a record's key is, in words."""
    return {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _VERSION}}


def partitions_in_words(topic: Topic) -> str:
    """A sentence on the number of partitions, for the channel's description."""
    if topic.partitions:
        return f"{topic.partitions} partition."
    usual = Settings.model_fields["partitions"].default
    return f"As many partitions as `TRUEUP_PARTITIONS` says when topics are made, {usual} unless set, for life."


def retention_in_words(topic: Topic) -> str:
    """A sentence on how long records stay and whose clock stamps them, for the channel's description."""
    ms = int(topic.config["retention.ms"])
    how_long = "for ever" if ms < 0 else f"for {ms // (24 * 60 * 60 * 1000)} days"
    return f"Records stay {how_long}, and bear the time at which the broker took them."
