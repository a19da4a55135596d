"""Kafka as the services use it: ranges of the log to read, batches to append, ends to ask for. It knows no facts.

Every wait is bounded.
"""

from services.kafka.failures import KafkaUnreachableError, ReadStalledError, kafka_errors
from services.kafka.fetching import FetchedRecord, raw
from services.kafka.reading import EPOCH, FETCH_BYTES, LogReader
from services.kafka.writing import BATCH_BYTES, BatchWriter, Record

__all__ = [
    "BATCH_BYTES",
    "EPOCH",
    "FETCH_BYTES",
    "BatchWriter",
    "FetchedRecord",
    "KafkaUnreachableError",
    "LogReader",
    "ReadStalledError",
    "Record",
    "kafka_errors",
    "raw",
]
