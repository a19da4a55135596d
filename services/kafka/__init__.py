"""Kafka as the services use it: ranges of the log to read, batches to append, offsets of ends. It knows no facts.

Every wait has a time limit.
"""

from services.kafka.admin import KafkaAdmin, Note, NoteWriter
from services.kafka.clients import new_admin, new_broker, new_client, new_consumer, new_producer
from services.kafka.cluster import ClientCredentials, Cluster, MskIam, Password, Tls
from services.kafka.consuming import LOOK_MS, FetchedRecord, Polled, RawFetcher, read_raw
from services.kafka.entering import NotLetInError, enter
from services.kafka.failures import (
    KafkaForbidsError,
    KafkaUnreachableError,
    LogHoleError,
    ReadStalledError,
    kafka_errors,
)
from services.kafka.lenient import bytes_of_name
from services.kafka.log_reader import FETCH_BYTES, POLL_RECORDS, LogReader, Mark, digest_of, mark_of
from services.kafka.writing import BATCH_BYTES, Appended, BatchWriter, Record, SharedWriter, header_bytes

__all__ = [
    "BATCH_BYTES",
    "FETCH_BYTES",
    "LOOK_MS",
    "POLL_RECORDS",
    "Appended",
    "BatchWriter",
    "ClientCredentials",
    "Cluster",
    "FetchedRecord",
    "KafkaAdmin",
    "KafkaForbidsError",
    "KafkaUnreachableError",
    "LogHoleError",
    "LogReader",
    "Mark",
    "MskIam",
    "NotLetInError",
    "Note",
    "NoteWriter",
    "Password",
    "Polled",
    "RawFetcher",
    "ReadStalledError",
    "Record",
    "SharedWriter",
    "Tls",
    "bytes_of_name",
    "digest_of",
    "enter",
    "header_bytes",
    "kafka_errors",
    "mark_of",
    "new_admin",
    "new_broker",
    "new_client",
    "new_consumer",
    "new_producer",
    "read_raw",
]
