"""Kafka as the services use it: ranges of the log to read, batches to append, ends to ask for. It knows no facts.

Every wait is bounded.
"""

from events.dates import EPOCH
from services.kafka.admin import KafkaAdmin, Note, NoteWriter
from services.kafka.clients import new_admin, new_broker, new_client, new_consumer, new_producer
from services.kafka.cluster import ClientCredentials, Cluster, MskIam, Password, Tls
from services.kafka.consuming import (
    FetchedRecord,
    Mark,
    Polled,
    digest_of,
    look_seldom,
    mark_of,
    read_leniently,
    read_raw,
    reads_leniently,
)
from services.kafka.entering import NotLetInError, enter
from services.kafka.failures import (
    KafkaForbidsError,
    KafkaUnreachableError,
    LogHoleError,
    ReadStalledError,
    kafka_errors,
)
from services.kafka.lenient import bytes_of_name
from services.kafka.reading import FETCH_BYTES, POLL_RECORDS, LogReader
from services.kafka.writing import BATCH_BYTES, Appended, BatchWriter, Record, SharedWriter, header_bytes

__all__ = [
    "BATCH_BYTES",
    "EPOCH",
    "FETCH_BYTES",
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
    "ReadStalledError",
    "Record",
    "SharedWriter",
    "Tls",
    "bytes_of_name",
    "digest_of",
    "enter",
    "header_bytes",
    "kafka_errors",
    "look_seldom",
    "mark_of",
    "new_admin",
    "new_broker",
    "new_client",
    "new_consumer",
    "new_producer",
    "read_leniently",
    "read_raw",
    "reads_leniently",
]
