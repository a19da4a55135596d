"""A collector of traces as OpenTelemetry's own, as far as a process of ours speaks to one: OTLP over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """Ids are hexadecimal; `links` are ids of traces and spans, `parent` is empty where there is none."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: frozenset[tuple[str, str]]
    attributes: dict[str, str | int]


@dataclass
class Collector:
    """What it was sent, and at which URL."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own, for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield found
        server.shutdown()


def _spans(sent: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in sent.resource_spans:
        [service] = [
            attribute.value.string_value
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        ]
        for scope in resource.scope_spans:
            for span in scope.spans:
                links = frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links)
                told = {
                    attribute.key: attribute.value.string_value or attribute.value.int_value
                    for attribute in span.attributes
                }
                yield Span(
                    service, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), links, told
                )
