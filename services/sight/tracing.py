"""Traces of OpenTelemetry, where the environment asks for them (docs/operation.md, "Traces").

While they are off, nothing of the library is loaded, and a batch, a request or a job costs one look at `TRACES.on`.
A span is made for a batch, never for an event, and only if it holds usage that its publisher samples: it links to the
contexts of these. Where it goes, and what is sampled besides, is for the variables `OTEL_...` to say.
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
#: What a span links to at most, whatever a batch holds; `trueup.traced` counts all.
LINKS_MAX = 128
#: Bill jobs that were asked for in this process and whose request is remembered.
_ASKED_MAX = 1_000
#: What spans still to be sent may take when a process ends, which has five seconds.
FLUSH_SECONDS = 2.0
Attributes = Mapping[str, str | int]


class Traces:
    """Of one process. Off until `begin`, and for ever where nobody asks for them."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        #: Whether anything is traced at all.
        self.on = False
        self._asked: dict[str, SpanContext] = {}

    def begin(self, seen_as: str, exporter: "SpanExporter | None" = None) -> None:
        """Trace from now on, if the environment says where to. `seen_as`: the service is `trueup-<that>` unless
        `OTEL_SERVICE_NAME` says otherwise. `exporter`: takes spans at once, in place of what the environment says.
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
        """Send what is left, for a moment; what a collector that is away does not take is lost."""
        provider, self._provider, self.on = self._provider, None, False
        self._asked.clear()
        if provider is not None:
            # A daemon: whoever waits for a collector that is away keeps no process from its end.
            closing = threading.Thread(target=provider.shutdown, daemon=True)
            closing.start()
            closing.join(FLUSH_SECONDS)

    # Batches.

    def batch(self, name: str, traced: Traced, attributes: Attributes, error: str | None = None) -> None:
        """A batch that has ended now; `error`: what it was to do is not done. Without a publisher who follows it, it
        is no span.
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
        """A request of HTTP begins, as a part of its client's trace; None while traces are off."""
        if self._provider is None:
            return None
        from opentelemetry.trace import SpanKind

        span = self._tracer.start_span("HTTP", context=_sent(headers), kind=SpanKind.SERVER)
        return RequestSpan(span)

    # Work that nobody waits for.

    @contextmanager
    def work(self, name: str, attributes: Attributes, asked_as: str | None = None) -> "Iterator[Span | None]":
        """A span around the block, linked to the request that asked for it under this name."""
        if self._provider is None:
            yield None
            return
        from opentelemetry.trace import Link

        asking_span = self._asked.pop(asked_as, None) if asked_as is not None else None
        links = [] if asking_span is None else [Link(asking_span)]
        with self._tracer.start_as_current_span(name, links=links, attributes=dict(attributes)) as span:
            yield span

    def remember_asker(self, name: str) -> None:
        """What the request at hand asks for is to be done later, in this process or another one."""
        if self._provider is None:
            return
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if context.is_valid and len(self._asked) < _ASKED_MAX:
            self._asked[name] = context

    def here(self) -> list[tuple[str, bytes | None]]:
        """The header of a record that is written on behalf of what is at hand, if that is sampled."""
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
    """The span of a request that is being answered: current until its end, so what it does finds it."""

    def __init__(self, span: "Span") -> None:
        from opentelemetry import context, trace

        self._span, self._token = span, context.attach(trace.set_span_in_context(span))

    def end(self, method: str, route: str, status: int) -> None:
        """It was answered with this status, 0 if not at all. `route`: the path as it is declared, without ids."""
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
    """Whether the environment says where to send traces to, and in a way that we know."""
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
    """To what a valid `traceparent` names."""
    from opentelemetry.trace import Link, SpanContext, TraceFlags

    _, trace, span, flags = traceparent.decode().split("-")[:4]
    return Link(SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))))


def _sent(headers: Iterable[tuple[bytes, bytes]]) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    return TraceContextTextMapPropagator().extract(told, context=_nothing())


def _nothing() -> "Context":
    """No context around: a worker's batch is a part of nothing else."""
    from opentelemetry.context import Context

    return Context()


def _fail(span: "Span", why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, why))


TRACES = Traces()


def traced_poll(records: Iterable[ReadRecord]) -> Traced:
    """The traces that a poll of `usage` belongs to; its spans begin now."""
    return Traced(traced_usage(records), time.time_ns()) if TRACES.on else NOT_TRACED


def traced_log(records: Iterable[ReadRecord]) -> Traced:
    """The traces that a poll of the log belongs to; its spans begin now."""
    return Traced(traced_records(records), time.time_ns()) if TRACES.on else NOT_TRACED
