"""Trueup's log, read by whoever may: the facts of one organization in a topic, in order, each once."""

from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from connection import ORGANIZATION, kafka_options, kafka_topic

from events.codec import ForeignRecordError, decode_own
from events.envelope import Envelope
from events.sources import LastSequences, Origins


class Anybody(Origins):
    """Takes for Trueup's whatever is numbered as Trueup numbers: here a forged record must show, not be passed over."""

    def own(self, source: str) -> bool:
        """Whether a record with this source counts."""
        return True


class Logged(NamedTuple):
    """A fact where it stands in the log, and its bytes."""

    offset: int
    fact: Envelope
    value: bytes


async def read(topic: str) -> dict[int, list[Logged]]:
    """The organization's facts in a topic by partition, in order, each once, up to where the topic ends now."""
    found: dict[int, list[Logged]] = {}
    seen: dict[int, LastSequences] = {}
    async with AIOKafkaConsumer(kafka_topic(topic), **kafka_options(), auto_offset_reset="earliest") as consumer:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(list(partitions))
        while [one for one in partitions if await consumer.position(one) < ends[one]]:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    try:
                        fact = decode_own(record.value, Anybody(frozenset()))
                    except ForeignRecordError:
                        continue  # no record of Trueup's at all: it counts for nobody
                    # After a crash of its writer a record may stand twice; its number tells.
                    is_new = seen.setdefault(place.partition, LastSequences()).accepts(fact.source, fact.sequence)
                    if is_new and fact.organization == ORGANIZATION:
                        found.setdefault(place.partition, []).append(Logged(record.offset, fact, record.value))
    return found
