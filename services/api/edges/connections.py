"""Connections of the server, with limits on a request's head and on the time that its client may take.

uvicorn limits neither. Here a clock checks all connections once a second, so a request needs no timer of its own. A
request that exceeds a limit is refused by an answer in the API's shape.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, Literal, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.edges.edge import raw_answer

_log = structlog.get_logger(__name__)

#: What a connection waits for: a request, the rest of its head, the rest of its body. `leaving`: further bytes are
#: ignored, and the answer in progress is the last one; `gone`: the last answer is sent.
At = Literal["idle", "head", "body", "leaving", "gone"]
#: How long a refused client may go on sending: a client that is cut off at once cannot read the reason.
LINGER_SECONDS = 2.0
#: Least speed at which a client must take an answer, in bytes a second.
SLOWEST_BYTES = 1024
#: Allowance for bytes around each byte of a body: a chunk of a single byte takes six bytes.
AROUND_EACH = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection, and of all together."""

    #: Most connections at once. Beyond that, a new connection closes the one that has been idle longest; if none is
    #: idle, it gets 503.
    connections: int = 4_000
    #: Seconds for a request's head, for its body, and for a client to take a part of an answer.
    client_seconds: float = 30.0
    #: Seconds until a request must begin. Balancers keep idle connections for 60 s. If this were less, the server might
    #: close a connection just as a request is sent on it.
    idle_seconds: float = 75.0
    #: Most bytes of a request's line and headers, and around its body; of its path and query alone; and most headers.
    head_bytes: int = 64 * 1024
    target_bytes: int = 32 * 1024
    headers: int = 100


#: The default limits.
LIMITS = Limits()


class HeadRefusedError(Exception):
    """The head of a request is refused with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits."""

    limits = LIMITS

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._at: At = "idle"
        self._since = self.loop.time()
        #: Bytes that came since the last request ended; and bytes that came around the chunks of a body, or after it.
        self._head_bytes = self._around_bytes = 0
        #: The request before the newest one.
        self._before = self.cycle
        #: Bytes of answers that the client had not taken at the last check, and the time of that check.
        self._unsent, self._unsent_at = 0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections and not self._make_room():
            transport.write(raw_answer(503, "there are too many connections; try again later"))
            self._leave("gone")
            transport.close()

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest. Returns whether there was one."""
        others = (other for other in self.connections if isinstance(other, Connection) and other is not self)
        idle = min((other for other in others if other.is_idle), key=lambda other: other._since, default=None)
        if idle is not None:
            idle.transport.close()
        return idle is not None

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun and no answer is in progress."""
        return self._at == "idle" and self._has_answered and not self.transport.is_closing()

    @property
    def _has_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    # What comes in

    def data_received(self, data: bytes) -> None:
        if self._at in ("leaving", "gone"):
            return
        self._around_bytes += len(data)
        if self._at != "body":
            self._head_bytes += len(data)
            if self._at == "idle":
                self._to("head")
        super().data_received(data)
        if self._at == "head" and self._head_bytes > self.limits.head_bytes:
            self._refuse(431, _head_rule(self.limits))
        elif self._at == "body" and self._around_bytes > self.limits.head_bytes:
            self._refuse(431, f"around the body of the request are more than {self.limits.head_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Ignore trailers, which are headers after a body: nothing here uses them."""
        if self._at != "body":
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._around_bytes = max(0, self._around_bytes - AROUND_EACH * len(body))
        super().on_body(body)

    def on_headers_complete(self) -> None:
        limits, headers = self.limits, self.headers
        if len(self.url) > limits.target_bytes:
            raise HeadRefusedError(414, f"path and query have more than {limits.target_bytes} bytes")
        if len(headers) > limits.headers:
            raise HeadRefusedError(431, f"there are more than {limits.headers} headers")
        # The bytes may include a body, or a second request, so the head itself is measured.
        if self._head_bytes > limits.head_bytes and _size(self.url, headers) > limits.head_bytes:
            raise HeadRefusedError(431, _head_rule(limits))
        self._before = self.cycle
        super().on_headers_complete()
        self._around_bytes = 0
        self._to("body")

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_bytes = 0
        self._to("idle")

    def on_response_complete(self) -> None:
        self._since, self._unsent = self.loop.time(), 0
        super().on_response_complete()

    def _to(self, at: At) -> None:
        self._at, self._since = at, self.loop.time()

    def _unsupported_upgrade_warning(self) -> None:
        """Answer the request as an ordinary one, because there is nothing to upgrade to; the parser accepts no further
        request.
        """
        self._leave("leaving")

    def send_400_response(self, msg: str) -> None:
        """Answer a request that could not be parsed. The error that is being handled has the reason."""
        error = sys.exception()
        inner = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(inner, HeadRefusedError):
            self._refuse(inner.status, str(inner))
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._refuse(501, "the method is none that is known here")
        else:
            # uvicorn assumes that a URL has a path.
            words = "invalid url" if isinstance(inner, AttributeError) else str(inner or error)
            self._refuse(400, f"the request is not HTTP/1.1: {words}")

    # What is too much, or too late

    def _refuse(self, status: int, message: str) -> None:
        """Send the refusal, unless an answer is already in progress, and close the connection once the client could
        read it.
        """
        if self._at == "body" and self.pipeline:  # its handler has not begun
            self.pipeline.popleft()
            self.cycle = self._before
            self._leave("leaving")
            return
        if self._at != "body" and not self._has_answered:  # the answer of an earlier request is in progress
            self._leave("leaving")
            return
        if self._at != "body" or not self.cycle.response_started:
            self.transport.write(raw_answer(status, message))
        if not self._has_answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._leave("gone")
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _leave(self, at: Literal["leaving", "gone"]) -> None:
        self._to(at)
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def look(self, now: float) -> None:
        """Refuse or close a connection that takes too long. Called about once a second."""
        self._look_at_answer(now)
        waited, limits = now - self._since, self.limits
        late = waited > limits.client_seconds
        match self._at:
            case "idle" if self._has_answered and waited > limits.idle_seconds:
                self.transport.close()
            case "head" if late:
                self._refuse(408, f"the head of the request was not there after {limits.client_seconds:g} s")
            case "body" if self._has_answered:
                if waited > LINGER_SECONDS:
                    self.transport.close()
            case "body" if self.flow.read_paused:
                self._since = now  # the server itself has paused reading
            case "body" if late:
                self._refuse(408, f"the body of the request was not there after {limits.client_seconds:g} s")
            case "leaving" if self._has_answered and waited > LINGER_SECONDS:
                self.transport.close()
            case "gone" if waited > LINGER_SECONDS:
                self.transport.abort()
            case _:
                pass

    def _look_at_answer(self, now: float) -> None:
        """Close the connection if its client takes an answer too slowly."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or not self._unsent:
            self._unsent, self._unsent_at = unsent, now
        elif now - self._unsent_at > self.limits.client_seconds:
            if self._unsent - unsent < SLOWEST_BYTES * (now - self._unsent_at):
                _log.info("answer_not_taken", unsent=unsent)
                self.transport.abort()
            self._unsent, self._unsent_at = unsent, now


def _head_rule(limits: Limits) -> str:
    return f"line and headers of the request have more than {limits.head_bytes} bytes"


def _size(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def connection_of(limits: Limits) -> type[asyncio.Protocol]:
    """The class of connections with these limits, in the form that uvicorn takes."""
    return cast(type[asyncio.Protocol], type("LimitedConnection", (Connection,), {"limits": limits}))
