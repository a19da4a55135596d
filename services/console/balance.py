"""The page of a balance: what was put on it, what it paid, and what is left."""

from starlette.responses import Response

from services.console import drawings
from services.console.asking import or_missing, together
from services.console.visits import Visit


async def page(visit: Visit) -> Response:
    """The balance as of now, or as of the day that the address says."""
    asking, id = visit.asking, visit.request.path_params["balance"]
    balance = await asking.get("balances", id, asOf=visit.to.moment.get("asOf"))
    asked = await together(
        account=or_missing(asking.get("accounts", balance["accountId"])),
        drawn=drawings.of_balance(asking, balance, **visit.to.moment),
        summary=or_missing(asking.get("balances", id, "transactions", "summary")),
        transactions=or_missing(asking.get("balances", id, "transactions", nextToken=visit.query.get("nextToken"))),
    )
    return await visit.page("balance.html", balance=balance, **asked)
