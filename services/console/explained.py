"""Why a line of a bill is what it is, down to usage events."""

import re

from markupsafe import Markup, escape
from starlette.responses import Response

from services.console.asking import together
from services.console.visits import Visit

#: Events on the page at first, and most that the API names.
_EVENTS, _MOST = 50, 10_000
_RULE = re.compile(r"docs/rules\.md ([\d., to and]*\d)")


async def page(visit: Visit) -> Response:
    """The explanation of a line; `events` says how many usage events are named."""
    bill, line = visit.request.path_params["bill"], visit.request.path_params["line"]
    wanted = _count(visit.query.get("events"))
    asked = await together(
        bill=visit.asking.get("bills", bill, knownAt=visit.known_at),
        explained=visit.asking.get("bills", bill, "lineitems", line, "explain", limit=wanted),
    )
    explained, span = asked["explained"], await visit.span(asked["bill"]["accountId"])
    more = min(wanted * 4, _MOST) if len(explained["events"]) < explained["eventCount"] and wanted < _MOST else None
    return await visit.page("explained.html", **asked, span=span, more=more, rule=marked_rule(explained["rule"]))


def _count(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 6):
        return _EVENTS
    return max(1, min(int(text), _MOST))


def marked_rule(rule: str) -> Markup:
    """The rule in words, with the numbers that it has in the law book made visible."""
    escaped = str(escape(rule))
    return Markup(_RULE.sub(r"<cite>docs/rules.md \1</cite>", escaped))
