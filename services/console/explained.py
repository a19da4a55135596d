"""The explanation of a bill's line, down to usage events."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from starlette.responses import Response

from services.console.asking import together
from services.console.visits import Visit

#: Usage events on a page, unless its address names another number; and the largest such number.
EVENTS, _MOST = 50, 1_000
#: Number of pages whose beginnings an address keeps, to go back to; beyond them only the first page can be reached.
_BACK = 30
_PAGES = 10_000_000
_RULE = re.compile(r"docs/rules\.md ([\d., to and]*\d)")


class Steps(NamedTuple):
    """The pages of events around this one, each by the parameters of its address; None if there is no such page."""

    #: The number of this page, counted from 1.
    page: int
    first: dict[str, Any] | None
    previous: dict[str, Any] | None
    following: dict[str, Any] | None


async def page(visit: Visit) -> Response:
    """The explanation of a line, with one page of its usage events."""
    bill, line = visit.request.path_params["bill"], visit.request.path_params["line"]
    size = _whole(visit.query.get("size"), EVENTS, 1, _MOST)
    answers = await together(
        bill=visit.asking.get("bills", bill, knownAt=visit.known_at),
        explained=visit.asking.get(
            "bills",
            bill,
            "lineitems",
            line,
            "explain",
            limit=size,
            nextToken=visit.query.get("events"),
            knownAt=visit.known_at,
        ),
    )
    explained, span = answers["explained"], await visit.span(answers["bill"]["accountId"])
    steps = steps_of(visit.query, explained.get("nextToken"))
    rule = marked_rule(explained["rule"])
    return await visit.page("explained.html", **answers, span=span, steps=steps, size=size, rule=rule)


def steps_of(query: Mapping[str, str], next_token: str | None) -> Steps:
    """The pages around the one that an address names. `events` is the API's token of a page, which only leads forward.
    The tokens of earlier pages are in `back`, so that neither a script nor a session must remember them.
    """
    here, kept = query.get("events"), {"size": query.get("size")}
    number = _whole(query.get("page"), 2, 2, _PAGES) if here else 1
    back = [token for token in query.get("back", "").split(".") if token] if here else []
    following = None
    if next_token is not None:
        trail = [*back, here][-_BACK:] if here else []
        following = kept | {"events": next_token, "page": number + 1, "back": ".".join(trail)}
    previous: dict[str, Any] | None = None
    if back:
        previous = kept | {"events": back[-1], "page": number - 1, "back": ".".join(back[:-1])}
    elif number == 2:
        previous = kept
    return Steps(number, kept if number > 2 else None, previous, following)


def _whole(text: str | None, default: int, least: int, most: int) -> int:
    """A whole number in an address, within limits; the default if it is missing or no number."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 9):
        return default
    return max(least, min(int(text), most))


def marked_rule(rule: str) -> Markup:
    """The rule in words, with its numbers in docs/rules.md marked."""
    escaped = str(escape(rule))
    return Markup(_RULE.sub(r"<cite>docs/rules.md \1</cite>", escaped))
