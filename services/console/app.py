"""The console's routes, for the app that serves the API."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from services.access.gate import Gate
from services.access.links import SpentLinks
from services.console import (
    account,
    accounts,
    automatic,
    balance,
    bill_pages,
    changing,
    commitment,
    correcting,
    explained,
    exports,
    forgetting,
    operations,
    overview,
    telling,
    what_if,
)
from services.console.asking import calls_of
from services.console.live import Streams
from services.console.looks import HEADERS, serve_asset
from services.console.signing_in import SigningIn
from services.console.visits import Action, Console, Needed, Page, done, outside_error, path_asked, shown

PATH = "/console"
#: The pages below an organization: plain ones, ...
PAGES: tuple[tuple[str, Page], ...] = (
    ("/accounts", accounts.listing),
    ("/search", accounts.search),
    ("/accounts/{account}/what-if", what_if.page),
    ("/accounts/{account}/forget", forgetting.page),
    ("/accounts/{account}/automatic", automatic.new),
    ("/accounts/{account}/automatic/{kind}/{rule}", automatic.page),
    ("/balances/{balance}", balance.page),
    ("/bills/{bill}/statement/{format}", bill_pages.statement),
    ("/bills/{bill}/lines/{line}", explained.page),
    ("/bills/{bill}/approve", changing.confirm_approval),
    ("/bills/{bill}/recalculate", changing.confirm_recalculation),
    ("/bills/{bill}/memo", changing.memo),
    ("/alerts", telling.page),
    ("/alerts/webhooks/{webhook}", telling.destination),
    ("/alerts/webhooks/{webhook}/deliveries/{delivery}", telling.delivery),
    ("/exports", exports.page),
    ("/exports/{job}/file", exports.file),
    ("/operations/conservation", operations.conservation),
    ("/operations/held", operations.held),
    ("/corrections", correcting.page),
    ("/corrections/event", correcting.event),
    ("/corrections/matching", correcting.matching),
    ("/operations/refused/{record}", operations.refused_record),
    ("/operations/refused/{record}/bytes", operations.refused_bytes),
)
#: ... those that report when their content has changed, ...
FOLLOWED: tuple[tuple[str, Page], ...] = (
    ("", overview.page),
    ("/accounts/{account}", account.page),
    ("/commitments/{commitment}", commitment.page),
    ("/bills", bill_pages.listing),
    ("/bills/{bill}", bill_pages.page),
    ("/operations", operations.page),
)
#: ... and the actions of forms, which change something.
_ACTIONS: tuple[tuple[str, Action], ...] = (
    ("/accounts/{account}/forget", forgetting.forget),
    ("/accounts/{account}/automatic", automatic.make),
    ("/accounts/{account}/automatic/{kind}/{rule}", automatic.switch),
    ("/bills/{bill}/approve", changing.approve),
    ("/bills/{bill}/recalculate", changing.recalculate),
    ("/bills/{bill}/memo", changing.add_memo),
    ("/alerts/webhooks/{webhook}/replay", telling.replay),
    ("/alerts/webhooks/{webhook}/test", telling.test),
    ("/exports", exports.start),
    ("/operations/replay", operations.replay),
    ("/corrections/event", correcting.correct),
    ("/corrections/matching", correcting.void_matching),
    ("/operations/jobs/{job}/cancel", operations.cancel_job),
)


def console_routes(
    api: ASGIApp, gate: Gate, needed: Needed, streams: Streams, spent_links: SpentLinks
) -> list[BaseRoute]:
    """All routes of the console, below /console.

    `api`: the app with the API's routes; `needed`: the scopes that one of these routes needs, by method and path below
    an organization; `streams`: report to open pages that they have changed; `spent_links`: the sign-in links that were
    used.
    """
    console = Console(calls_of(api), gate, needed)
    signing = SigningIn(console, spent_links)
    outside = [
        Route("/", signing.front),
        Route("/organizations", signing.choose),
        Route("/sign-in", signing.page, methods=["GET"]),
        Route("/sign-in", signing.sign_in, methods=["POST"]),
        Route("/sign-out", signing.sign_out, methods=["POST"]),
        Route("/links", signing.make_link, methods=["POST"]),
        Route("/enter/{code}", signing.doorstep, methods=["GET"]),
        Route("/enter/{code}", signing.enter, methods=["POST"]),
        Route("/static/{name}", serve_asset),
    ]
    looked_at = [_inside(path, shown(console, page), "GET") for path, page in PAGES]
    followed = [_inside(path, shown(console, streams.followed(page)), "GET") for path, page in FOLLOWED]
    looked_at += [*followed, _inside("/live", shown(console, streams.page), "GET")]
    sent = [_inside(path, done(console, action), "POST") for path, action in _ACTIONS]
    every = [*outside, *looked_at, *sent, Route("/{path:path}", _not_there)]
    return [Route(PATH, _to_slash), Mount(PATH, routes=every)]


def _inside(path: str, endpoint: Callable[..., object], method: str) -> Route:
    return Route(f"/organizations/{{organization}}{path}", endpoint, methods=[method])


async def _to_slash(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path}/", 308, HEADERS)


async def _not_there(request: Request) -> Response:
    path = path_asked(request)
    if path.endswith("/"):  # typed by hand, for no link has it
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(path.rstrip("/") + query, 308, HEADERS)
    return await outside_error(request, 404, "The console has no such page.")
