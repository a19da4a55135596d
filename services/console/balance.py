"""The page of a balance: what was put on it, what it paid for, and what is left."""

from starlette.responses import Response

from services.console import drawings
from services.console.asking import or_missing, together
from services.console.visits import Visit


async def page(visit: Visit) -> Response:
    """The balance as of now, or as of the day and as known at the moment that the address names."""
    asking, id = visit.asking, visit.request.path_params["balance"]
    moment = visit.to.moment
    balance = await asking.get("balances", id, knownAt=visit.known_at)
    if "asOf" in moment:
        # Taken from the snapshot, so that it agrees with the account's page and the chart: settled as of that very day.
        then = await asking.get("accounts", balance["accountId"], "snapshot", **moment)
        balance = next(balance for balance in then["balances"] if balance["id"] == id)
    answers = await together(
        account=or_missing(asking.get("accounts", balance["accountId"], knownAt=visit.known_at)),
        span=visit.span(balance["accountId"]),
        drawn=drawings.of_balance(asking, balance, **moment),
        summary=or_missing(asking.get("balances", id, "transactions", "summary", **moment)),
        transactions=or_missing(
            asking.get("balances", id, "transactions", nextToken=visit.query.get("nextToken"), **moment)
        ),
    )
    return await visit.page("balance.html", balance=balance, **answers)
