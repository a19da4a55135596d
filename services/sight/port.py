"""The port of a process: `/metrics` for Prometheus, `/live` and `/ready` for whatever keeps processes running.

A thread answers, beside the event loop, so it also answers while the loop is stuck, and reports that. The answers hold
no secret of an organization, but they name servers and their addresses; so the port listens on loopback unless the
settings say otherwise.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

import structlog
from prometheus_client.exposition import ThreadingWSGIServer, choose_encoder

from services.failures import ExpectedFailure, Worded
from services.sight.metrics import INFO, JoinedRegistries, shown_by
from services.sight.pulse import PULSE, Pulse

#: A connection on which the client sends nothing for so long is closed.
CLIENT_SECONDS = 10.0
PATHS = ("/metrics", "/live", "/ready")
_JSON = "application/json"
_log = structlog.get_logger(__name__)
Answer = tuple[str, str, bytes]


class PortTakenError(Worded, ExpectedFailure):
    """metrics and probes cannot listen on {host}:{port}: {cause}; choose another TRUEUP_SIGHT_PORT \
(0 takes a free one)"""


class Port:
    """The WSGI application behind the port. `live_seconds`: after so long without a round of its loop a process counts
    as dead.
    """

    def __init__(self, process: str, shown: JoinedRegistries, pulse: Pulse, live_seconds: float) -> None:
        self._process, self._shown, self._pulse, self._live_seconds = process, shown, pulse, live_seconds

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, as WSGI requires."""
        status, kind, body = self._answer(environ)
        length = str(len(body))
        start(status, [("content-type", kind), ("content-length", length), ("cache-control", "no-store")])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return "405 Method Not Allowed", _JSON, b'{"message": "GET or HEAD"}\n'
        match environ["PATH_INFO"]:
            case "/metrics":
                encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
                return "200 OK", kind, encode(self._shown)
            case "/live":
                return self._live()
            case "/ready":
                state = self._pulse.now
                return self._told(state.is_ready, "ready", state.why, state.age)
        return "404 Not Found", _JSON, b'{"message": "/metrics, /live or /ready"}\n'

    def _live(self) -> Answer:
        age = self._pulse.now.age
        stuck = (f"its loop has not gone round for {age:.0f} s",) if age > self._live_seconds else ()
        return self._told(not stuck, "live", stuck, age)

    def _told(self, holds: bool, what: str, why: Iterable[str], age: float) -> Answer:
        document = {"process": self._process, what: holds, "why": list(why), "loopAgeSeconds": round(age, 3)}
        return "200 OK" if holds else "503 Service Unavailable", _JSON, json.dumps(document).encode() + b"\n"


class _Handler(WSGIRequestHandler):
    """One connection; requests are not logged."""

    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


class _Server(ThreadingWSGIServer):
    """The HTTP server, with a thread for each connection."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client has left, or has sent nothing in time. Errors in making an answer are logged by wsgiref itself."""
        _log.debug("sight_not_answered", exc_info=True)


@contextmanager
def open_port(process: str, host: str, port: int, live_seconds: float) -> Iterator[str]:
    """Answer on this address for the length of the block; gives the URL. Port 0 takes a free one.

    Raises: PortTakenError.
    """
    INFO.labels(process, version("trueup")).set(1)
    server = _server(host, port, Port(process, shown_by(process), PULSE, live_seconds))
    ends = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, ends), name="sight", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}"
    finally:
        ends.set()
        _wake(server)
        thread.join()
        server.server_close()


def _server(host: str, port: int, app: Port) -> _Server:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("_FamilyServer", (_Server,), {"address_family": family})
    try:
        server: _Server = kind((host, port), _Handler)
    except OSError as error:
        raise PortTakenError(host=host, port=port, cause=error.strerror or error) from error
    server.set_app(app)
    return server


def _serve(server: _Server, ends: threading.Event) -> None:
    """Wait for requests one by one: `serve_forever` would wake twice a second to check whether it must end."""
    while not ends.is_set():
        server.handle_request()


def _wake(server: _Server) -> None:
    """Connect and send nothing, so that the waiting thread wakes and sees that it must end."""
    host, port = server.server_address[:2]
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    with socket.create_connection((anywhere.get(str(host), str(host)), port), CLIENT_SECONDS):
        pass
