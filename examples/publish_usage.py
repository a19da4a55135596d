"""Publishes usage to Kafka as CloudEvents: acknowledged by all replicas, sent again after a failure, counted once.

    python examples/publish_usage.py examples/usage.jsonl

Each line of the file is one thing that was used: {"id", "account", "time", "meter", "measure"}. Its `id` is what makes
sending again harmless: Trueup counts an id of one source once within 35 days, whoever sends it how often. So a
publisher need not know whether what it sent before a crash has arrived. It sends all of it again, under the same ids
and source.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from connection import ORGANIZATION, kafka_options, kafka_topic

TOPIC = "usage"
#: Whose ids these are: two publishers may use the same id for different things, under different sources.
SOURCE = "/examples/publish_usage"
#: Seconds between attempts to send everything.
PAUSES = (1, 5, 25)


def event_of(used: dict[str, Any]) -> CloudEvent:
    """A line of the file as the CloudEvent that Trueup takes for usage."""
    return CloudEvent(
        {
            "id": used["id"],
            "source": SOURCE,
            "type": "trueup.usage",
            "subject": used["account"],
            "time": datetime.fromisoformat(used["time"]),
            "organization": ORGANIZATION,
        },
        {"meter": used["meter"], "measure": used["measure"]},
    )


def key_of(event: BaseCloudEvent) -> str:
    """Keyed so, a record goes straight to the partition of its account; with any other key it takes one hop more."""
    return f"{ORGANIZATION}/{event.get_subject()}"


async def publish(messages: Sequence[KafkaMessage]) -> None:
    """Return when all of them are durable. Raises: KafkaError, after the last attempt."""
    for pause in PAUSES:
        try:
            return await publish_once(messages)
        except KafkaError as error:
            print(f"not all was acknowledged ({error}); everything is sent again in {pause} s", file=sys.stderr)
            await asyncio.sleep(pause)
    await publish_once(messages)


async def publish_once(messages: Sequence[KafkaMessage]) -> None:
    """Send them, then wait for every acknowledgement: sent is not yet durable. Raises: KafkaError."""
    topic = kafka_topic(TOPIC)
    async with AIOKafkaProducer(**kafka_options(), acks="all", enable_idempotence=True) as producer:
        acknowledgements = [
            await producer.send(topic, message.value, as_bytes(message.key), headers=list(message.headers.items()))
            for message in messages
        ]
        for acknowledgement in acknowledgements:
            await acknowledgement


def as_bytes(key: str | bytes | None) -> bytes | None:
    """A record's key as Kafka has it."""
    return key.encode() if isinstance(key, str) else key


def main() -> None:
    """Publish the files that are named."""
    lines = [line for name in sys.argv[1:] for line in Path(name).read_text().splitlines() if line.strip()]
    events = [event_of(json.loads(line)) for line in lines]
    asyncio.run(publish([to_structured(event, JSONFormat(), key_of) for event in events]))
    print(f"{len(events)} records are durable in topic {TOPIC}")


if __name__ == "__main__":
    main()
