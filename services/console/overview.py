"""The start page of an organization: what runs out, falls short or lapses, and what waits for somebody."""

from typing import Any

from starlette.responses import Response

from services.console import drawings
from services.console.visits import Visit

#: The windows of forecasts, in days of usage.
WINDOWS = ("7", "30", "90")


async def page(visit: Visit) -> Response:
    """The organization at a glance; `window` in the address chooses the forecasts."""
    requested = visit.query.get("window")
    window = requested if requested in WINDOWS else "30"
    overview: dict[str, Any] = await visit.asking.get("overview", window=window)
    charts = {
        in_currency["currency"]: drawings.of_true_ups(in_currency["trueUps"], in_currency["currency"])
        for in_currency in overview["currencies"]
    }
    return await visit.page("overview.html", overview=overview, charts_of=charts, windows=WINDOWS)
