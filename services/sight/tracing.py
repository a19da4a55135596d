"""OpenTelemetry traces, if the environment asks for them (docs/operation.md, "Traces").

While they are off, nothing of the library is loaded, and a batch, a request or a job costs one look at `TRACES.on`. A
batch gets one span, and only if it holds usage that its publisher samples: the span links to the contexts of that
usage. The variables `OTEL_...` decide where spans are sent, and what else is sampled.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from services.sight.traceparent import HEADER, NOT_TRACED, ReadRecord, Traced, traced_records, traced_usage

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link, Span, SpanContext

_log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
#: Most links of a span, whatever the batch holds; the attribute `trueup.traced` counts all.
LINKS_MAX = 128
#: Most bill jobs of this process whose requests are remembered.
_ASKED_MAX = 1_000
#: How long a process that ends may wait for its last spans; it has five seconds in all.
FLUSH_SECONDS = 2.0
Attributes = Mapping[str, str | int]


class Traces:
    """The traces of one process: off until `begin`, and for ever if the environment does not ask for them."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        #: Whether anything is traced at all.
        self.on = False
        self._asked: dict[str, SpanContext] = {}

    def begin(self, seen_as: str, exporter: "SpanExporter | None" = None) -> None:
        """Trace from now on, if the environment names an endpoint. `seen_as`: the service is called `trueup-<seen_as>`
        unless `OTEL_SERVICE_NAME` is set. `exporter`: takes spans at once, in place of what the environment names.
        """
        if exporter is None and not _asked_for():
            return
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        except ImportError:
            _log.warning("traces_off", why="they are asked for, but the extra is not installed: trueup[otel]")
            return
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": f"trueup-{seen_as}"}
        provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        if exporter is not None:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._provider, self.on = provider, True
        _log.info("traces_on")

    def end(self) -> None:
        """Send the remaining spans, for FLUSH_SECONDS at most; what a collector that is away does not take is lost."""
        provider, self._provider, self.on = self._provider, None, False
        self._asked.clear()
        if provider is not None:
            # A daemon thread, because waiting for a collector that is away must not keep the process from ending.
            closing = threading.Thread(target=provider.shutdown, daemon=True)
            closing.start()
            closing.join(FLUSH_SECONDS)

    # Batches.

    def batch(self, name: str, traced: Traced, attributes: Attributes, error: str | None = None) -> None:
        """Report a batch that has ended now; `error`: why its work was not done. A batch without usage that a publisher
        samples gets no span.
        """
        if not traced.contexts or self._provider is None:
            return
        from opentelemetry.trace import SpanKind

        links = [_link(context) for context in list(dict.fromkeys(traced.contexts.values()))[:LINKS_MAX]]
        told = {"messaging.system": "kafka", "trueup.traced": len(traced.contexts), **attributes}
        span = self._tracer.start_span(
            name, context=_nothing(), kind=SpanKind.CONSUMER, links=links, attributes=told, start_time=traced.begun_ns
        )
        if error is not None:
            _fail(span, error)
        span.end()

    # Requests.

    def request(self, headers: Iterable[tuple[bytes, bytes]]) -> "RequestSpan | None":
        """The span of an HTTP request that begins, as a part of its client's trace; None while traces are off."""
        if self._provider is None:
            return None
        from opentelemetry.trace import SpanKind

        span = self._tracer.start_span("HTTP", context=_sent(headers), kind=SpanKind.SERVER)
        return RequestSpan(span)

    # Work that nobody waits for.

    @contextmanager
    def work(self, name: str, attributes: Attributes, asked_as: str | None = None) -> "Iterator[Span | None]":
        """A span around the block, linked to the request that `remember_asker` kept under this name."""
        if self._provider is None:
            yield None
            return
        from opentelemetry.trace import Link

        asking_span = self._asked.pop(asked_as, None) if asked_as is not None else None
        links = [] if asking_span is None else [Link(asking_span)]
        with self._tracer.start_as_current_span(name, links=links, attributes=dict(attributes)) as span:
            yield span

    def remember_asker(self, name: str) -> None:
        """Remember the current request as the one that asked for the work of this name, which is done later, here or in
        another process.
        """
        if self._provider is None:
            return
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if context.is_valid and len(self._asked) < _ASKED_MAX:
            self._asked[name] = context

    def here(self) -> list[tuple[str, bytes | None]]:
        """The `traceparent` header for a record that is written on behalf of the current span; none if that is not
        sampled.
        """
        if self._provider is None:
            return []
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if not (context.is_valid and context.trace_flags.sampled):
            return []
        told = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        return [(HEADER, told.encode())]

    @property
    def _tracer(self) -> Any:
        assert self._provider is not None
        return self._provider.get_tracer("trueup")


class RequestSpan:
    """The span of a request that is being answered. It is current until its end, so work for the request finds it."""

    def __init__(self, span: "Span") -> None:
        from opentelemetry import context, trace

        self._span, self._token = span, context.attach(trace.set_span_in_context(span))

    def end(self, method: str, route: str, status: int) -> None:
        """End the span. `status`: the answer's, 0 if there was no answer; `route`: the path as it is declared, without
        ids.
        """
        from opentelemetry import context

        context.detach(self._token)
        self._span.update_name(f"{method} {route}".strip())
        self._span.set_attributes({"http.request.method": method, "http.route": route})
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not status or status >= 500:
            _fail(self._span, f"answered with {status}" if status else "not answered")
        self._span.end()


def _asked_for() -> bool:
    """Whether the environment names an endpoint for traces, and a protocol that we know."""
    said = os.environ.get
    if said("OTEL_SDK_DISABLED", "").lower() == "true" or said("OTEL_TRACES_EXPORTER", "otlp") == "none":
        return False
    if not any(said(name) for name in ENDPOINTS):
        return False
    exporter = said("OTEL_TRACES_EXPORTER", "otlp")
    protocol = next((protocol for name in PROTOCOLS if (protocol := said(name))), "http/protobuf")
    if exporter != "otlp" or protocol != "http/protobuf":
        _log.warning("traces_off", why=f"{exporter} by {protocol} is asked for; there is otlp by http/protobuf")
        return False
    return True


def _link(traceparent: bytes) -> "Link":
    """A link to the context that a valid `traceparent` names."""
    from opentelemetry.trace import Link, SpanContext, TraceFlags

    _, trace, span, flags = traceparent.decode().split("-")[:4]
    return Link(SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))))


def _sent(headers: Iterable[tuple[bytes, bytes]]) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    return TraceContextTextMapPropagator().extract(told, context=_nothing())


def _nothing() -> "Context":
    """The empty context: a worker's batch is not a part of any other span."""
    from opentelemetry.context import Context

    return Context()


def _fail(span: "Span", why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, why))


TRACES = Traces()


def traced_poll(records: Iterable[ReadRecord]) -> Traced:
    """The traces that a poll of `usage` belongs to; its span begins now."""
    return Traced(traced_usage(records), time.time_ns()) if TRACES.on else NOT_TRACED


def traced_log(records: Iterable[ReadRecord]) -> Traced:
    """The traces that a poll of the log belongs to; its span begins now."""
    return Traced(traced_records(records), time.time_ns()) if TRACES.on else NOT_TRACED
