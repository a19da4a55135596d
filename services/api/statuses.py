"""THE table of HTTP statuses, and how every failure becomes `{"message": ...}`.

A 409 carries `x-should-retry: false`: the official clients would otherwise repeat it three times, in vain. So does a
503 about usage that would count twice if it were sent again. A 429 says in `retry-after` when to come again.

If a server of ours is away, everybody is told which one; its address is only in the log, for the operator.

An error that is not in the table is a bug of ours: `edges/edge.py` logs it and answers 500.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from events.codec import NewerRecordError
from projections.settlement.extent import TooMuchError
from projections.too_large import TooLargeError
from services.access.denials import ForbiddenError, NotSignedInError
from services.access.gate import Gate
from services.api.edges.bodies import (
    BodyTooLargeError,
    BrokenEncodingError,
    UnsupportedEncodingError,
    UnsupportedMediaError,
)
from services.api.edges.edge import allow_header
from services.api.edges.rates import TooManyRequestsError
from services.api.wire import answer
from services.billing.life import BillIsEmpty, BillIsLocked, BillNotPending, BillStillPending, BillTotalMoved
from services.commands import refused
from services.commands.bill_rules import BillsPending
from services.exports.jobs import ExportNotReadyError, ExportRemovedError
from services.failures import AddressedFailure, ExpectedFailure, Passing, Worded, outside_of
from services.jobs.table import TooManyJobsError
from services.outage import Outage
from services.proof.exporting import NoCheckpointError, NotSignedYetError
from services.proof.heads_topic import NoHeadsError
from services.statement.paper import UnreadableLogo
from services.statement.ubl import NotForUbl
from services.store.events import RecordTooLargeError, StreamMovedError
from services.store.idempotency import KeyReusedError


class FileTooLargeError(Worded):
    """the file would have more than {bytes} bytes: ask for fewer accounts, fewer days or a smaller limit"""


class PayloadTooLargeError(Worded):
    """body: must have less than {limit} bytes, as m3ter's ingest has it; send fewer measurements at once"""


class ItemsError(Worded):
    """{told}"""

    #: Most items in a message; `refused` has all.
    _TOLD = 5

    def __init__(self, refused: Sequence[tuple[int, str]], before: str = "") -> None:
        named = [f"measurements[{index}]: {message}" for index, message in refused[: self._TOLD]]
        more = [f"and {len(refused) - len(named)} more"] if len(refused) > len(named) else []
        super().__init__(told=before + "; ".join([*named, *more]))
        self.refused = [{"index": index, "message": message} for index, message in refused]


class RefusedItemsError(ItemsError, refused.CommandError):
    """{told}"""


class NotConfirmedError(ItemsError, ExpectedFailure):
    """{told}"""

    def __init__(self, refused: Sequence[tuple[int, str]], *, again: bool) -> None:
        super().__init__(refused, "not confirmed, send again: " if again else "not confirmed, may be there or not: ")
        #: Whether repeated usage counts once.
        self.again = again


#: The first class of which an error is an instance decides. A CommandError that is not listed is a 400.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (refused.UnknownOrganization, 403),
    (refused.UnknownResource, 404),
    (refused.VersionConflict, 409),
    (refused.IdInUse, 409),
    (refused.NotUnique, 409),
    (refused.Referenced, 409),
    (refused.AlreadyUsed, 409),
    (refused.AlreadyCancelled, 409),
    (refused.UsageIsVoided, 409),
    (refused.KeepsNoKeys, 409),
    (refused.DebitUncovered, 409),
    (BillNotPending, 409),
    (BillStillPending, 409),
    (BillIsLocked, 409),
    (BillsPending, 409),
    (BillIsEmpty, 409),
    (NotForUbl, 409),
    (UnreadableLogo, 409),
    (BillTotalMoved, 409),
    (TooLargeError, 409),
    (refused.CommandError, 400),
    (TooMuchError, 400),
    (NotSignedInError, 401),
    (ForbiddenError, 403),
    (StreamMovedError, 409),
    (KeyReusedError, 409),
    (BodyTooLargeError, 413),
    (FileTooLargeError, 413),
    (BrokenEncodingError, 400),
    (UnsupportedMediaError, 415),
    (UnsupportedEncodingError, 415),
    (PayloadTooLargeError, 403),
    (RecordTooLargeError, 413),
    (TooManyJobsError, 429),
    (ExportNotReadyError, 409),
    (ExportRemovedError, 404),
    (TooManyRequestsError, 429),
    (NoHeadsError, 404),
    (NoCheckpointError, 404),
    (NotSignedYetError, 409),
    # Another process understands the event, or this process will be replaced.
    (NewerRecordError, 503),
    (ExpectedFailure, 503),
    (Passing, 503),
)


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for an unexpected one."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return 500


def response_to(error: Exception, *, operator: bool = False) -> Response:
    """The error's answer. `operator`: the caller may know the addresses of our servers."""
    status = status_of(error)
    refused_items = {"refused": error.refused} if isinstance(error, ItemsError) else {}
    once = status == 409 or (isinstance(error, NotConfirmedError) and not error.again)
    headers = {"x-should-retry": "false"} if once else {}
    if status == 429:
        headers["retry-after"] = str(error.seconds if isinstance(error, TooManyRequestsError) else 1)
    if isinstance(error, UnsupportedEncodingError):
        headers["accept-encoding"] = "gzip"
    if isinstance(error, NotSignedInError):
        headers["www-authenticate"] = error.scheme
    return answer({"message": str(error) if operator else outside_of(error), **refused_items}, status, headers)


def _is_operators(request: Request) -> bool:
    gate: Gate = request.app.state.gate
    return gate.is_operators(request.headers.get("authorization", ""))


def handle_errors(app: FastAPI) -> None:
    """Answer every failure of the app in the wire's shape."""

    away = Away()

    async def on_error(request: Request, error: Exception) -> Response:
        away.note(error)
        return response_to(error, operator=isinstance(error, AddressedFailure) and _is_operators(request))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = refused.shortened(request.url.path, 200)
        words = {404: f"there is no {path}", 405: f"{refused.shortened(request.method)} is not offered on {path}"}
        message = words.get(error.status_code) if error.detail in ("Not Found", "Method Not Allowed") else None
        headers = allow_header(request) if error.status_code == 405 else dict(error.headers or {})
        return answer({"message": message or error.detail}, error.status_code, headers)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = ("{}: {}".format(".".join(map(str, item["loc"][1:])), item["msg"]) for item in error.errors())
        return answer({"message": "; ".join(problems)}, 400)

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for kind, _ in STATUSES:
        app.add_exception_handler(kind, on_error)


@dataclass(slots=True)
class Away:
    """The servers that this process's log has reported as away."""

    _outages: dict[str, Outage] = field(default_factory=dict)

    def note(self, error: BaseException) -> None:
        """Log the server's address, if the error comes from one: once for each outage, however many requests fail."""
        for failure in (error, error.__cause__):
            if isinstance(failure, AddressedFailure):
                self._outages.setdefault(failure.outside, Outage("server_away")).met(failure)
