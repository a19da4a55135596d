"""Reports changes to open pages: server-sent events, on which a page's script reloads the page's parts.

A page states its mark, which stands for the content it was rendered from, and its stream starts from that mark; so a
change between rendering and streaming is reported, too. An event's id is the mark that it leads to. So a stream that
the browser opens again, because it ended or the process was replaced, continues from the last reported mark.

Changes are found by queries to the API, every few seconds and only while somebody looks. About a family there is no
query while its partition of the log stands still, which one look at the read models tells for all streams of the
process; and none about an organization's bills while no partition moves.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from services.concurrency import first_of
from services.console.asking import ApiRefused, Asking
from services.console.looks import HEADERS
from services.console.visits import Page, Visit
from services.failures import ExpectedFailure

#: Interval of queries, and longest duration of a stream.
EACH_SECONDS, LAST_SECONDS = 2.0, 300.0
#: Most streams of one process, and of one visitor: each makes queries for as long as a page is open.
MOST, MOST_EACH = 200, 20
#: Statuses of temporary refusals, after which the stream goes on.
_PASSING = frozenset({429, 503})
#: The subject of a stream, by the parameter of its page's path, with its path in the API; without a parameter, the
#: whole organization.
_ABOUT = {"account": "accounts", "commitment": "commitments", "bill": "bills"}
About = tuple[str, str] | None
#: The folded position of each partition: its next offset, and the catalog's.
Reached = Mapping[int, tuple[int, int]]


class PageMark(NamedTuple):
    """The content of a page as a mark that changes with it. For a family: its partition, and whether it may also change
    while the partition stands still, because it waits for settlement. For an organization: the mark of its bills.
    """

    mark: str
    partition: int | None = None
    waits: bool = False
    bills: str | None = None


@dataclass(slots=True)
class Streams:
    """The streams of one process. `reached` gives the progress of the read models."""

    reached: Callable[[], Awaitable[Reached]]
    each_seconds: float = EACH_SECONDS
    last_seconds: float = LAST_SECONDS
    most: int = MOST
    most_each: int = MOST_EACH
    _open: "Counter[str]" = field(default_factory=Counter)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    def followed(self, page: Page) -> Page:
        """The page, with the mark of its content; the mark is read first, so that no change is missed."""

        async def marked(visit: Visit) -> Response:
            if not visit.to.moment:
                visit.request.state.mark = await _mark_of(visit.asking, _about(visit.request.path_params))
            return await page(visit)

        return marked

    async def page(self, visit: Visit) -> Response:
        """A stream with an event `changed` each time the content of a page has changed."""
        visitor = visit.identity.access_key_id
        if self._ending.is_set() or self._is_full(visitor):
            raise ApiRefused(503, "too many pages are looked at; this one shows what was when it was loaded")
        about = _about(visit.query)
        mark = visit.request.headers.get("last-event-id") or visit.query.get("at")
        reached = await self._reached()
        standing = await _standing(visit.asking, about)  # a refusal must come before the stream begins
        headers = HEADERS | {"cache-control": "no-store", "x-accel-buffering": "no"}
        events = self._events(visit, about, mark, standing, reached)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    def _is_full(self, visitor: str) -> bool:
        return self._open.total() >= self.most or self._open[visitor] >= self.most_each

    def end(self) -> None:
        """End every stream, and begin none, because the process is about to end."""
        self._ending.set()

    async def _events(
        self, visit: Visit, about: About, mark: str | None, standing: PageMark, reached: Reached | None
    ) -> AsyncIterator[str]:
        if self._is_full(visit.identity.access_key_id):
            return  # others, asked for at the same time, have begun since `page` looked
        with self._counted(visit.identity.access_key_id):
            yield "retry: 5000\n\n"
            if mark != standing.mark:
                yield _event(standing, changed=mark is not None)
            for _ in range(int(self.last_seconds / self.each_seconds)):
                await first_of(self.each_seconds, self._ending)
                if self._ending.is_set():
                    return
                before, told = reached, standing.mark
                reached = await self._reached()
                if _may_have_moved(standing, before, reached):
                    try:
                        kept = standing.bills if _is_still(before, reached) else None
                        standing = await _standing(visit.asking, about, kept)
                    except ApiRefused as error:
                        if error.status not in _PASSING:
                            return  # the token has ended, or what is looked at is gone: the next page says so
                        reached = before
                # Otherwise a comment is sent, because only a failing send shows that the visitor has left.
                yield _event(standing) if standing.mark != told else ":\n\n"

    @contextmanager
    def _counted(self, visitor: str) -> Iterator[None]:
        self._open[visitor] += 1
        try:
            yield
        finally:
            self._open[visitor] -= 1
            if not self._open[visitor]:
                del self._open[visitor]

    async def _reached(self) -> Reached | None:
        """The progress of the read models; None if it cannot be read now."""
        try:
            return await self.reached()
        except ExpectedFailure:
            return None


def _may_have_moved(standing: PageMark, before: Reached | None, now: Reached | None) -> bool:
    """Whether a query is worthwhile. About an organization it always is: its jobs are in no partition."""
    if standing.partition is None or standing.waits or before is None or now is None:
        return True
    return before.get(standing.partition) != now.get(standing.partition)


def _is_still(before: Reached | None, now: Reached | None) -> bool:
    """Whether no partition has moved."""
    return before is not None and before == now


def _about(given: Mapping[str, str]) -> About:
    """The API's path and the id of the subject; None: the whole organization."""
    return next(((path, given[name]) for name, path in _ABOUT.items() if given.get(name)), None)


def _event(standing: PageMark, *, changed: bool = True) -> str:
    """The event that the page changed, or only the mark that the stream starts from."""
    return f"id: {standing.mark}\n" + ("event: changed\ndata: \n\n" if changed else "\n")


async def _mark_of(asking: Asking, about: About) -> str:
    """The mark of a page's content; blank if it cannot be read, and then the page shows the reason by itself."""
    try:
        return (await _standing(asking, about)).mark
    except ApiRefused:
        return ""


async def _standing(asking: Asking, about: About, bills: str | None = None) -> PageMark:
    """The state of the family of an account, commitment or bill; or that of the whole organization. `bills`: the mark
    of its bills, if it is known. Raises: ApiRefused.
    """
    if about is None:
        return await _of_organization(asking, bills)
    try:
        moved = await asking.get("moved", about[1])
    except ApiRefused as error:
        if error.status != 404:
            raise
        await asking.get(*about)  # if the resource exists, the read models do not know it yet
        return PageMark("new")
    return PageMark(moved["mark"], moved["partition"], moved["waits"])


async def _of_organization(asking: Asking, bills: str | None) -> PageMark:
    """A mark of the organization's newest jobs and bills."""
    jobs = _digest((await asking.get("billjobs", pageSize=5))["data"])
    bills = bills or await _mark_of_bills(asking)
    return PageMark(f"{jobs}.{bills}", bills=bills)


async def _mark_of_bills(asking: Asking) -> str:
    """A mark of the newest bills. The time at which a pending bill was calculated is left out, because it always
    changes.
    """
    page = await asking.get("bills", excludeLineItems="true", pageSize=5)
    return _digest([{name: bill[name] for name in bill if name != "lastCalculatedDate"} for bill in page["data"]])


def _digest(shown: object) -> str:
    return blake2b(repr(shown).encode(), digest_size=12).hexdigest()
