"""Which usage is followed, and what a process tells of it: without servers, spans taken where they end."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.ingest.batch import PollOutcome
from services.sight.traceparent import Traced, is_sampled, traced_records, traced_usage
from services.sight.tracing import ENDPOINTS, LINKS_MAX, TRACES, Traces, traced_log, traced_poll
from tests.ingest.bench import Bench, a_record

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, PASSED_ON = f"00-{TRACE}-{SPAN}-01".encode(), f"00-{TRACE}-{SPAN}-00".encode()


def another(number: int, flags: str = "01") -> bytes:
    return f"00-{number:032x}-{SPAN}-{flags}".encode()


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Traces are on, in this process."""
    monkeypatch.delenv("OTEL_TRACES_SAMPLER", raising=False)
    kept_spans = InMemorySpanExporter()
    TRACES.begin("tests", kept_spans)
    yield kept_spans
    TRACES.end()


@pytest.mark.parametrize(
    ("traceparent", "sampled"),
    [
        (SAMPLED, True),
        (PASSED_ON, False),
        (another(1, "03"), True),
        (another(0), False),
        (f"00-{TRACE}-{'0' * 16}-01".encode(), False),
        (SAMPLED.upper(), False),
        (SAMPLED + b"-more", False),
        (b"01" + SAMPLED[2:] + b"-more", True),
        (b"ff" + SAMPLED[2:], False),
        (b"", False),
        (b"\xff", False),
    ],
)
def test_only_a_well_formed_and_sampled_context_is_followed(traceparent: bytes, sampled: bool) -> None:
    assert is_sampled(traceparent) is sampled


@pytest.mark.parametrize(
    ("value", "headers", "found"),
    [
        (b"{}", [("traceparent", SAMPLED)], SAMPLED),
        (b"{}", [("ce_traceparent", another(1)), ("traceparent", SAMPLED)], another(1)),
        (b'{"traceparent":"%s"}' % another(2), [("traceparent", SAMPLED)], another(2)),
        (b'{"data":{"traceparent":"%s"}}' % another(2), [], None),
        (b'{"traceparent":"\xff"}', [("traceparent", SAMPLED)], SAMPLED),
        (b'{"traceparent":' + b"[" * 100_000, [], None),
        (b'{"traceparent":7}', [("traceparent", SAMPLED)], SAMPLED),
        (b'"traceparent"', [], None),
        (b"{}", [("ce_traceparent", PASSED_ON), ("traceparent", SAMPLED)], None),
        (b"{}", [("traceparent", None)], None),
        (None, [("traceparent", SAMPLED)], SAMPLED),
    ],
)
def test_what_the_event_says_itself_comes_first(value: bytes | None, headers: Any, found: bytes | None) -> None:
    assert traced_usage([a_record(value, 7, headers)]) == ({} if found is None else {7: found})


def test_a_publishers_context_goes_into_the_log_with_its_record_alone(exporter: InMemorySpanExporter) -> None:
    bench = Bench()
    records = [
        a_record(bench.world.usage("followed"), 0, [("traceparent", SAMPLED)]),
        a_record(bench.world.usage("not"), 1, [("traceparent", PASSED_ON)]),
        a_record(bench.world.usage("neither"), 2),
        a_record(bench.world.usage("followed"), 3, [("traceparent", another(9))]),
    ]
    outcome: PollOutcome = bench.settle(records, traced_poll(records))
    assert [list(record.headers) for record in outcome.records] == [[("traceparent", SAMPLED)], [], [], []]
    logged = [a_record(record.value, 40 + number, record.headers) for number, record in enumerate(outcome.records)]
    assert traced_records(logged) == traced_log(logged).contexts == {40: SAMPLED}


def test_a_batch_links_to_those_who_follow_it_and_is_no_span_without_any(exporter: InMemorySpanExporter) -> None:
    TRACES.batch("nobody", Traced({}, 1), {})
    TRACES.batch("two", Traced({1: SAMPLED, 2: SAMPLED, 3: another(5)}, 1_000), {"trueup.rated": 3})
    TRACES.batch("many", Traced({number: another(number) for number in range(1, 500)}, 1), {}, error="LostError")
    two, many = exporter.get_finished_spans()
    assert [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in two.links] == [
        (TRACE, SPAN),
        (f"{5:032x}", SPAN),
    ]
    assert (two.parent, two.start_time, two.resource.attributes["service.name"]) == (None, 1_000, "trueup-tests")
    assert dict(two.attributes or {}) == {"messaging.system": "kafka", "trueup.traced": 3, "trueup.rated": 3}
    assert two.status.status_code is StatusCode.UNSET
    assert len(many.links) == LINKS_MAX and (many.attributes or {})["trueup.traced"] == 499
    assert (many.status.status_code, many.status.description) == (StatusCode.ERROR, "LostError")


def test_a_request_is_a_part_of_its_clients_trace_and_what_it_publishes_of_it(exporter: InMemorySpanExporter) -> None:
    request = TRACES.request([(b"traceparent", SAMPLED)])
    assert request is not None
    [(name, told)] = TRACES.here()
    TRACES.remember_asker("job")
    request.end("POST", "/billjobs", 500)
    assert TRACES.here() == []
    with TRACES.work("bill job", {}, asked_as="job"):
        pass
    asking_span, job = exporter.get_finished_spans()
    assert (name, told) == ("traceparent", f"00-{TRACE}-{asking_span.context.span_id:016x}-01".encode())
    assert asking_span.parent is not None and f"{asking_span.parent.span_id:016x}" == SPAN
    assert (asking_span.name, asking_span.status.status_code) == ("POST /billjobs", StatusCode.ERROR)
    assert [link.context.span_id for link in job.links] == [asking_span.context.span_id]


def test_a_request_that_its_client_does_not_sample_is_not_followed(exporter: InMemorySpanExporter) -> None:
    request = TRACES.request([(b"traceparent", PASSED_ON)])
    assert request is not None and TRACES.here() == []
    request.end("GET", "/bills", 200)
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {ENDPOINTS[1]: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINTS[1]: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {ENDPOINTS[0]: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_traces_are_off_where_they_are_not_asked_for(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:  # which the processes of the other tests here are told
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    traces = Traces()
    traces.begin("tests")
    assert not traces.on and traces.request([]) is None and traces.here() == []
    traces.end()


def test_while_they_are_off_nothing_of_the_library_is_loaded() -> None:
    program = (
        "import sys; from services.sight.tracing import TRACES, traced_poll; TRACES.begin('tests');"
        "assert not traced_poll([]).contexts; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], env={}, check=False, timeout=60).returncode == 0


#: An API in a process that has a tracer of its own, as the environment may give it one; it has no servers.
_SPANS_OF_A_REQUEST = """
import asyncio, httpx, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from services.api.app import create_app
from services.kafka import Cluster

spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)

async def ask():
    app = create_app("postgresql://nobody@127.0.0.1:1/none", Cluster("127.0.0.1:1"), token_secret="s" * 32)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        assert (await client.get("/nothing")).status_code == 404

asyncio.run(ask())
sys.exit(len(spans.get_finished_spans()))
"""


def test_the_framework_traces_nothing_of_its_own() -> None:
    assert subprocess.run([sys.executable, "-c", _SPANS_OF_A_REQUEST], check=False, timeout=60).returncode == 0
