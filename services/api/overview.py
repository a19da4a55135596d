"""The organization at a glance, and an account's outlook. Both read stored rows only; nothing is settled for them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, cast

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from projections.entities import Entity
from services.api.calls import Call, Caller, organization_router
from services.api.overview_answers import OutlooksShown, OverviewAnswer
from services.api.parameters import Choice, Whole
from services.api.resources import existing
from services.api.wire import answer
from services.commands.table import KINDS
from services.readside.agreement_rows import WINDOWS, OfCurrency, Row, Window, read_expected, read_outlook
from services.readside.live import reading_live
from services.refusals import refused_usage
from services.store.listing import named

router = organization_router("overview")
#: The default window in days; the default and largest number of entries in each list.
WINDOW_DEFAULT, FIRST_DEFAULT, FIRST_MAX = 30, 20, 200
OF_ACCOUNT_MAX = 5_000
_WINDOW = Choice("window", [str(window) for window in WINDOWS])
_FIRST = Whole("limit", FIRST_DEFAULT, 1, FIRST_MAX)
_OF_ACCOUNT = Whole("limit", 1_000, 1, OF_ACCOUNT_MAX)
Names = Mapping[str, Entity[Any]]


@router.get("/overview", response_model=OverviewAnswer)
async def overview(
    call: Caller, window: Annotated[str | None, Depends(_WINDOW)], limit: Annotated[int, Depends(_FIRST)]
) -> Response:
    """What runs out, falls short or lapses, the most money first; what waits for somebody, and what was proved last."""
    days = _window(window)
    async with call.reading() as connection:
        refused = await refused_usage.counts(connection, call.organization, ())
    async with reading_live(call.postgres) as connection:
        expected = await read_expected(connection, call.organization, days, limit)
    rows = [row for currency in expected.currencies for row in (*currency.at_stake, *currency.lapsing)]
    names = await _names(call, rows)
    health = call.api.health
    document = {
        "window": days,
        "currencies": [_of_currency(currency, names, days) for currency in expected.currencies],
        "pending": [dict(row) for row in expected.pending],
        "refused": {"count": sum(refused.values()), "reasons": refused},
        "proved": [
            {"by": last.kind, "ended": last.ended, "holds": last.holds, "unexplained": last.unexplained}
            for last in health.passes
        ],
        "familiesWaiting": expected.waiting,
        "behind": (await health.report()).everybodys.get("behind"),
    }
    return answer(only_given(document))


@router.get("/accounts/{id}/outlook", response_model=OutlooksShown)
async def outlook_of_account(
    call: Caller,
    id: str,
    window: Annotated[str | None, Depends(_WINDOW)],
    limit: Annotated[int, Depends(_OF_ACCOUNT)],
) -> Response:
    """What is to be expected of an account's own commitments and balances, the most money at stake first."""
    days = _window(window)
    async with call.reading() as connection:
        await existing(connection, call.organization, KINDS["account"], id)
    async with reading_live(call.postgres) as connection:
        rows = await read_outlook(connection, call.organization, id, days, limit)
    names = await _names(call, rows)
    return answer({"window": days, "data": [_shown(row, names, days) for row in rows]})


def _window(given: str | None) -> Window:
    return cast(Window, int(given or WINDOW_DEFAULT))


async def _names(call: Call, rows: Iterable[Row]) -> Names:
    """The commitments, balances and accounts of the rows, by id."""
    ids = defaultdict[str, set[str]](set)
    for row in rows:
        ids["balance" if row["kind"] == "BALANCE" else "commitment"].add(row["commitment_id"])
        ids["account"].add(row["account_id"])
    entities: dict[str, Entity[Any]] = {}
    async with call.postgres.connection() as connection:
        for kind, of_kind in ids.items():
            entities |= await named(connection, call.organization, kind, sorted(of_kind))
    return entities


def _of_currency(currency: OfCurrency, names: Names, window: Window) -> dict[str, Any]:
    sums = currency.sums

    def listed(name: str, rows: Iterable[Row]) -> dict[str, Any]:
        first = [_shown(row, names, window) for row in rows]
        return {"count": sums[f"{name}_count"], "amount": sums[name], "first": first}

    return {
        "currency": sums["currency"],
        "asOf": sums["as_of"],
        "atStake": listed("at_stake", currency.at_stake),
        "lapsing": listed("lapses", currency.lapsing),
        "trueUps": [
            {"month": row["month"], "amount": row["at_stake"], "minimums": row["at_stake_count"]}
            for row in currency.true_ups
        ],
    }


def _shown(row: Row, names: Names, window: Window) -> dict[str, Any]:
    fund, account = names.get(row["commitment_id"]), names.get(row["account_id"])
    document = {
        "id": row["commitment_id"],
        "kind": row["kind"],
        "code": getattr(fund.body, "code", None) if fund else None,
        "name": getattr(fund.body, "name", None) if fund else None,
        "accountId": row["account_id"],
        "accountCode": account.body.code if account else None,
        "accountName": account.body.name if account else None,
        "currency": row["currency"],
        "asOf": row["as_of"],
        "until": row["until"],
        "remaining": row["remaining"],
        **_expected(row, window),
        "expected": [{"window": window, **_expected(row, window)} for window in WINDOWS],
    }
    return only_given(document)


def _expected(row: Row, window: Window) -> dict[str, Any]:
    names = {"perDay": "per_day", "day": "day", "atStake": "at_stake", "lapses": "lapses"}
    values = {name: row[f"{column}_{window}"] for name, column in names.items()}
    return only_given(values)
