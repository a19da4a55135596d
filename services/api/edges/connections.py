"""A connection of the server: how much its client may send before it says what it wants, and how long all may take.

uvicorn bounds neither the head of a request nor the time that a client takes. Here a clock looks at all connections
once a second, so that a request costs no timer of its own; what is too much or too late is refused in the wire's shape.
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

#: What a connection waits for: a request to begin, the rest of its head, the rest of its body. `leaving`: nothing that
#: comes is heard any more, and what is being answered is the last; `gone`: all has been said.
At = Literal["idle", "head", "body", "leaving", "gone"]
#: How long a client that was refused may go on sending: who is cut off at once does not get to read why.
LINGER_SECONDS = 2.0
#: Bytes a second of an answer that a client has to take at least.
SLOWEST_BYTES = 1024
#: A byte of a body with what may stand around it: a chunk of one byte is six bytes.
AROUND_EACH = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection, and all of them together, may take."""

    #: Most connections at once. Beyond, the one that has been idle longest makes room; if none is idle, a new one gets
    #: 503.
    connections: int = 4_000
    #: Seconds for a request's head, for its body, and until a part of an answer is taken.
    client_seconds: float = 30.0
    #: Seconds for a request to begin. Balancers keep an idle connection for 60 s: were it less here, a request that is
    #: sent just as the server closes would be lost.
    idle_seconds: float = 75.0
    #: Bytes of a request's line and headers, and around its body; of its path and query alone; and how many headers.
    head_bytes: int = 64 * 1024
    target_bytes: int = 32 * 1024
    headers: int = 100


#: Where nobody says otherwise.
LIMITS = Limits()


class HeadRefusedError(Exception):
    """The head of a request is not taken: `status` and the words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection(HttpToolsProtocol):
    """uvicorn's, with bounds."""

    limits = LIMITS

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._at: At = "idle"
        self._since = self.loop.time()
        #: Bytes that came while a head was read; and those around chunks of a body, and behind it.
        self._head_bytes = self._around_bytes = 0
        #: The request before the newest one.
        self._before = self.cycle
        #: How much of answers was not taken when that was noted, and when.
        self._unsent, self._unsent_at = 0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections and not self._make_room():
            transport.write(raw_answer(503, "there are too many connections; try again later"))
            self._leave("gone")
            transport.close()

    def _make_room(self) -> bool:
        """Whether somebody who asks nothing could be sent away."""
        others = (other for other in self.connections if isinstance(other, Connection) and other is not self)
        idle = min((other for other in others if other.is_idle), key=lambda other: other._since, default=None)
        if idle is not None:
            idle.transport.close()
        return idle is not None

    @property
    def is_idle(self) -> bool:
        """Nothing is asked, and nothing is to be answered."""
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
        """A trailer behind a body is no header: nobody reads it."""
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
        # What came may hold a body, too, or a second request.
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
        """There is nothing to upgrade to. The request is answered as it is; the parser takes no other one after it."""
        self._leave("leaving")

    def send_400_response(self, msg: str) -> None:
        """What could not be parsed: the error that is being handled says why."""
        error = sys.exception()
        inner = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(inner, HeadRefusedError):
            self._refuse(inner.status, str(inner))
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._refuse(501, "the method is none that is known here")
        else:
            # uvicorn takes for granted that a URL has a path.
            words = "invalid url" if isinstance(inner, AttributeError) else str(inner or error)
            self._refuse(400, f"the request is not HTTP/1.1: {words}")

    # What is too much, or too late

    def _refuse(self, status: int, message: str) -> None:
        """Say so, unless an answer is on its way already, and be gone once the client has had time to read it."""
        if self._at == "body" and self.pipeline:  # nobody has begun to answer it
            self.pipeline.popleft()
            self.cycle = self._before
            self._leave("leaving")
            return
        if self._at != "body" and not self._has_answered:  # that of an earlier request
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
        """Refuse who takes too long. Called once in a while."""
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
                self._since = now  # it is us who do not read
            case "body" if late:
                self._refuse(408, f"the body of the request was not there after {limits.client_seconds:g} s")
            case "leaving" if self._has_answered and waited > LINGER_SECONDS:
                self.transport.close()
            case "gone" if waited > LINGER_SECONDS:
                self.transport.abort()
            case _:
                pass

    def _look_at_answer(self, now: float) -> None:
        """Who does not take an answer at some speed will not take the rest of it, either."""
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
    """The class of the connections with these limits, as uvicorn takes it."""
    return cast(type[asyncio.Protocol], type("LimitedConnection", (Connection,), {"limits": limits}))
