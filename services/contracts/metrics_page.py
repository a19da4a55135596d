"""docs/metrics.md: every metric of every process, made from the declarations in `services/sight/metrics.py`."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import CollectorRegistry

from services.sight import metrics
from services.sight.gauges import LAG_LABELS, Lags, Moment

_HEAD = """# Metrics
<!-- made by `make contracts` from services/sight/metrics.py -->

What each process answers at `/metrics` of its own port, in Prometheus's text format or in OpenMetrics, as it is asked.
Counted once for a batch, a transaction or a request; a scrape asks nothing of Kafka or Postgres. A histogram has
`_bucket`, `_sum` and `_count`. [operation.md](operation.md), "Sight", says where the port is, [runbook.md](runbook.md)
what to do when one of them alarms. Beside them each process shows `process_*`: memory, CPU, open files, start.
"""
_COLUMNS = ("| metric | type | labels | what it tells |", "|---|---|---|---|")
GROUPS = (
    ("Every process", metrics.PROCESS),
    ("Ingest and projector", metrics.WORKER),
    ("Ingest", metrics.INGEST),
    ("Projector", metrics.PROJECTOR),
    ("Relay", metrics.RELAY),
    ("`trueup webhooks`", metrics.WEBHOOKS),
    ("Notary", metrics.NOTARY),
    ("API, of its requests and of the whole system", metrics.API),
    ("`trueup archive --follow`", metrics.ARCHIVE),
)


def metrics_page() -> str:
    """The text of docs/metrics.md."""
    return "\n".join([_HEAD, *(line for title, registry in GROUPS for line in _group(title, registry))])


def _group(title: str, registry: CollectorRegistry) -> Iterator[str]:
    yield from (f"## {title}", *_COLUMNS)
    for metric, labels in described(registry):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels_shown = ", ".join(f"`{label}`" for label in labels) or "-"
        yield f"| `{name}` | {metric.type} | {labels_shown} | {metric.documentation} |"
    yield ""


def described(registry: CollectorRegistry) -> Iterator[tuple[Metric, tuple[str, ...]]]:
    """Each metric in a registry and the names of its labels, whether or not it has a value yet."""
    # Private attributes are read because the library shows labels only once there is a value for some.
    for collector in registry._collector_to_names:
        if isinstance(collector, Lags):
            yield from ((metric, LAG_LABELS) for metric in collector.describe())
        elif isinstance(collector, Moment):
            yield from ((metric, ()) for metric in collector.describe())
        elif isinstance(collector, MetricWrapperBase):
            yield from ((metric, tuple(collector._labelnames)) for metric in collector.describe())
