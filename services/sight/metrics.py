"""All metrics of our processes, and which process shows which.

They are counted where the work is done, once for a batch and never for an event; showing them costs no query. Names say
the unit, as is usual with Prometheus: seconds, records, `_total` for counters.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from services.sight.gauges import Lags, Moment
from services.sight.pulse import PULSE

#: Bounds of histograms, for records of a batch and seconds of a step: each bound is about twice the one before.
_RECORDS = (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 400_000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# The library would add the creation time of every series: half of all lines, for stores that are not used here.
disable_created_metrics()  # type: ignore[no-untyped-call]

#: Metrics of every process.
PROCESS = CollectorRegistry()
#: Metrics of the workers that read Kafka.
WORKER = CollectorRegistry()
INGEST = CollectorRegistry()
PROJECTOR = CollectorRegistry()
RELAY = CollectorRegistry()
API = CollectorRegistry()
NOTARY = CollectorRegistry()
ARCHIVE = CollectorRegistry()
WEBHOOKS = CollectorRegistry()
#: The registries that a process shows, by its command.
SHOWN_BY = {
    "ingest": (PROCESS, WORKER, INGEST),
    "projector": (PROCESS, WORKER, PROJECTOR),
    "relay": (PROCESS, RELAY),
    "api": (PROCESS, API),
    "notary": (PROCESS, NOTARY),
    "archive": (PROCESS, ARCHIVE),
    "webhooks": (PROCESS, WEBHOOKS),
}

ProcessCollector(registry=PROCESS)
INFO = Gauge(
    "trueup_process_info", "1, for which process of which version this is.", ("process", "version"), registry=PROCESS
)
READY = Gauge("trueup_ready", "Whether the process gets on with its work, as /ready says.", registry=PROCESS)
READY.set_function(lambda: float(PULSE.now.is_ready))
LOOP_AGE = Gauge("trueup_loop_age_seconds", "Since when the process's loop has not gone round.", registry=PROCESS)
LOOP_AGE.set_function(lambda: PULSE.now.age)
WAITS = Counter(
    "trueup_waits", "How often something began to be waited out, by what the log calls it.", ("what",), registry=PROCESS
)
POOL_WAIT = Histogram(
    "trueup_pool_wait_seconds", "From asking for a connection to Postgres to having it, by role.", ("role",),
    buckets=_SECONDS, registry=PROCESS,
)  # fmt: skip

PARTITIONS = Gauge("trueup_partitions", "Partitions that the worker has and goes on with.", registry=WORKER)
STOPPED = Gauge("trueup_partitions_stopped", "Partitions that it has and that must not go on.", registry=WORKER)
REBALANCES = Counter("trueup_rebalances", "How often the group gave partitions to the worker anew.", registry=WORKER)
RESYNCS = Counter("trueup_resyncs", "How often its memory of partitions was thrown away.", registry=WORKER)
POLL_RECORDS = Histogram("trueup_poll_records", "Records that one poll brought.", buckets=_RECORDS, registry=WORKER)
POLL = Histogram(
    "trueup_poll_seconds", "How long the worker was at what one poll brought.", buckets=_SECONDS, registry=WORKER
)
LAGS = Lags()
WORKER.register(LAGS)

USAGE = Counter(
    "trueup_usage", "Usage records by what became of them: rated, duplicate, rejected, rerouted.", ("disposition",),
    registry=INGEST,
)  # fmt: skip
REFUSED = Counter(
    "trueup_usage_refused", "Refused usage by organization, empty if it has no valid one, and reason.",
    ("organization", "reason"), registry=INGEST,
)  # fmt: skip
HELD = Counter(
    "trueup_usage_held", "Usage that was held for want of its account or meter, and is none of the refused.",
    ("organization", "reason"), registry=INGEST,
)  # fmt: skip
APPEND = Histogram(
    "trueup_append_seconds", "Writing what became of a poll's usage, until Kafka has acknowledged all of it.",
    buckets=_SECONDS, registry=INGEST,
)  # fmt: skip

WRITE = Histogram(
    "trueup_write_seconds", "One transaction of the projector, settling included.", buckets=_SECONDS, registry=PROJECTOR
)
WRITE_RECORDS = Histogram(
    "trueup_write_records",
    "Records of the log in one transaction of the projector.",
    buckets=_RECORDS,
    registry=PROJECTOR,
)
SETTLE = Histogram(
    "trueup_settle_seconds",
    "Settling families in one transaction of the projector.",
    buckets=_SECONDS,
    registry=PROJECTOR,
)
LINES = Histogram(
    "trueup_lines_behind_seconds",
    "How long after its balance the draws and accrued lines of a family were written.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
    registry=PROJECTOR,
)
SETTLED = Counter("trueup_settled_families", "Families that were settled.", registry=PROJECTOR)
UNSETTLED = Counter(
    "trueup_unsettled_families", "How often a family could not be settled: failed (a bug), or numbers too large.",
    ("reason",), registry=PROJECTOR,
)  # fmt: skip

LEADS = Gauge("trueup_relay_leads", "1 if this relay leads, 0 if it stands by.", registry=RELAY)
POSITION = Gauge("trueup_relay_position", "The event that Kafka has acknowledged last.", registry=RELAY)
RELAYED = Histogram(
    "trueup_relay_records", "Events that one step of the relay carried.", buckets=_RECORDS, registry=RELAY
)
STEP = Histogram(
    "trueup_relay_step_seconds", "One step of the relay, from store to Kafka.", buckets=_SECONDS, registry=RELAY
)
TICKED = Gauge(
    "trueup_relay_tick_timestamp_seconds", "The quarter hour that all partitions were told last.", registry=RELAY
)

REQUEST = Histogram(
    "trueup_http_request_seconds", "Requests by route and status, until their answer has ended.",
    ("method", "route", "status"), buckets=_SECONDS, registry=API,
)  # fmt: skip
REQUESTS_RUNNING = Gauge("trueup_http_requests_running", "Requests that are being answered.", registry=API)


AWAY = Gauge(
    "trueup_servers_away", "Whether Postgres or Kafka did not answer the API when it looked last.", ("server",),
    registry=API,
)  # fmt: skip
LOOKED = Gauge(
    "trueup_looked_timestamp_seconds", "When the API looked last at the whole system, of which the following tell.",
    registry=API,
)  # fmt: skip
HEAD = Gauge("trueup_store_position", "The newest event of the event store.", registry=API)
BEHIND = Gauge(
    "trueup_behind_records", "What is still to be relayed (events), rated (usage) and projected (records of the log).",
    ("by",), registry=API,
)  # fmt: skip
UNPROJECTED = Gauge(
    "trueup_usage_unprojected_seconds", "For how long the oldest usage has waited that the read models do not have.",
    registry=API,
)  # fmt: skip
DUE = Gauge("trueup_due_families", "Families that wait to be settled, by reason.", ("reason",), registry=API)
WAITING = Gauge("trueup_usage_waiting", "Usage that is held for want of its account or meter.", registry=API)
JOBS = Gauge("trueup_bill_jobs_open", "Bill jobs that have not ended.", registry=API)
UNEXPLAINED = Gauge(
    "trueup_unexplained_amount", "Money that nothing explains, as the last audit or pass over conservation found it.",
    ("by",), registry=API,
)  # fmt: skip
PASS_HOLDS = Gauge("trueup_pass_holds", "Whether the last one of these passes found nothing.", ("by",), registry=API)
PASS_ENDED = Gauge("trueup_pass_timestamp_seconds", "When the last one of these passes ended.", ("by",), registry=API)

ARCHIVED_AT = Moment(
    "trueup_archive_timestamp_seconds", "When the last pass over the topics ended, all that it found being kept.",
    registry=ARCHIVE,
)  # fmt: skip
AUDITED = Gauge(
    "trueup_audit_position", "Up to where in billing.events the last audit holds.", ("partition",), registry=API
)

SIGNED_TICK = Moment(
    "trueup_signed_tick_timestamp_seconds", "The quarter hour up to which every partition is signed.", registry=NOTARY
)

ATTEMPT = Histogram(
    "trueup_webhook_attempt_seconds", "Attempts to deliver, by what became of it: delivered, pending, dead.",
    ("became",), buckets=_SECONDS, registry=WEBHOOKS,
)  # fmt: skip
for _became in ("delivered", "pending", "dead"):  # so that series exist at 0, and the first attempt is an increase
    ATTEMPT.labels(_became)
DELIVERED_AFTER = Histogram(
    "trueup_webhook_delivered_seconds", "From when a delivery was to be made to when it was, all attempts included.",
    buckets=(*_SECONDS, 60.0, 600.0, 3_600.0, 36_000.0), registry=WEBHOOKS,
)  # fmt: skip
OPEN = Gauge(
    "trueup_webhook_deliveries_open", "Deliveries that are pending, or wait behind one that is, when last counted.",
    ("status",), registry=WEBHOOKS,
)  # fmt: skip
SENDING = Gauge("trueup_webhook_attempts_running", "Attempts that are being made.", registry=WEBHOOKS)


class JoinedRegistries(Collector):
    """Several registries as one, for a scrape."""

    def __init__(self, registries: Iterable[CollectorRegistry]) -> None:
        self._registries = tuple(registries)

    def collect(self) -> Iterator[Metric]:
        """The metrics of all registries."""
        for registry in self._registries:
            yield from registry.collect()


def shown_by(process: str) -> JoinedRegistries:
    """The metrics that a process with this command shows; those of every process if the command has none of its own."""
    return JoinedRegistries(SHOWN_BY.get(process, (PROCESS,)))
