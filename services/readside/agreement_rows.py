"""The state and outlook of commitments and balances, of an account or of a whole organization, from rows alone. Nothing
is settled, however many accounts there are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from services.readside.live import LIVE_NAME, LastLive, read_live
from services.store.view import COLUMNS, ONE_OF_KIND

#: The window of the usage, in days.
Window = Literal[7, 30, 90]
WINDOWS: tuple[Window, ...] = get_args(Window)
_BY_WINDOW = ", ".join(f"per_day_{window}, day_{window}, at_stake_{window}, lapses_{window}" for window in WINDOWS)
_COLUMNS = f"commitment_id, account_id, kind, currency, as_of, until, remaining, {_BY_WINDOW}"
#: One read of all rows gives each currency's sums (no month), and its true-ups by month. A minimum's true-up is due
#: when its running period is over: on the day after `until`.
_SUMS = """
WITH parts AS MATERIALIZED (
    SELECT currency, CASE kind WHEN 'MINIMUM' THEN until END AS until, max(as_of) AS as_of,
        count(*) FILTER (WHERE at_stake_{window} > 0) AS at_stake_count, sum(at_stake_{window}) AS at_stake,
        count(*) FILTER (WHERE lapses_{window} > 0) AS lapses_count, sum(lapses_{window}) AS lapses
    FROM outlooks WHERE organization = $1 GROUP BY 1, 2
)
SELECT currency, NULL AS month, max(as_of) AS as_of, sum(at_stake_count)::bigint AS at_stake_count,
    sum(at_stake) AS at_stake, sum(lapses_count)::bigint AS lapses_count, sum(lapses) AS lapses
FROM parts GROUP BY currency
UNION ALL
SELECT currency, to_char(until, 'YYYY-MM') AS month, NULL, sum(at_stake_count)::bigint, sum(at_stake), NULL, NULL
FROM parts WHERE until IS NOT NULL AND at_stake_count > 0 GROUP BY 1, 2
ORDER BY currency, month NULLS FIRST
"""
#: $2 the currency, $3 how many to name in each list. A row below the last of that many in any subset of rows cannot be
#: in the list. So both lists read the rows once and sort few of them; if too few rows of the subset have an amount,
#: they sort all that have one.
_FIRST = f"""
WITH few AS MATERIALIZED (
    SELECT at_stake_{{window}} AS at_stake, lapses_{{window}} AS lapses FROM outlooks
    WHERE organization = $1 AND currency = $2 LIMIT 2000
), likely AS MATERIALIZED (
    SELECT {_COLUMNS} FROM outlooks
    WHERE organization = $1 AND currency = $2 AND ({{at_stake_is_likely}} OR {{lapses_is_likely}})
)
(SELECT 'at_stake' AS list, likely.* FROM likely WHERE at_stake_{{window}} > 0
    ORDER BY at_stake_{{window}} DESC, commitment_id LIMIT $3)
UNION ALL
(SELECT 'lapses' AS list, likely.* FROM likely WHERE lapses_{{window}} > 0
    ORDER BY lapses_{{window}} DESC, commitment_id LIMIT $3)
"""
_IS_LIKELY = """coalesce({amount}_{window} >= (
        SELECT {amount} FROM few WHERE {amount} > 0 ORDER BY {amount} DESC OFFSET $3 - 1 LIMIT 1
    ), {amount}_{window} > 0)"""
_PENDING = """
SELECT currency, count(*) AS bills FROM bills
WHERE organization = $1 AND status = 'PENDING' GROUP BY currency ORDER BY currency
"""
_DUE = "SELECT reason, count(*) AS families FROM due_accounts{whose} GROUP BY reason ORDER BY reason"
_OF_ACCOUNT = f"""
SELECT {_COLUMNS} FROM outlooks
WHERE root_id = (SELECT root_id FROM account_directory WHERE organization = $1 AND account_id = $2)
    AND account_id = $2 AND organization = $1
ORDER BY at_stake_{{window}} DESC, lapses_{{window}} DESC, commitment_id LIMIT $3
"""
_BALANCES = """
SELECT commitment_id, kind, amount, spent, remaining, rolled_over, lapsed, status, periods::text AS periods, folded
FROM "{schema}".commitment_balances WHERE organization = $1 AND commitment_id = ANY($2)
"""
_STANDING = ("kind", "amount", "spent", "remaining", "rolled_over", "lapsed", "status", "periods::text", "folded")
#: A commitment or balance with its state, if that is projected, in one query.
_WITH_ITS_ROW = f"""
SELECT {COLUMNS}, {LIVE_NAME} AS live, {", ".join(f"b.{name} AS b_{name.partition(':')[0]}" for name in _STANDING)}
FROM store.entities e
LEFT JOIN "{{schema}}".commitment_balances b ON b.organization = e.organization AND b.commitment_id = e.id
WHERE {ONE_OF_KIND}
"""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfCurrency:
    """One currency's amounts at stake and lapsing: the sums, the largest of each, and the true-ups at stake, a row per
    month.
    """

    sums: Row
    at_stake: Sequence[Row]
    lapsing: Sequence[Row]
    true_ups: Sequence[Row]


@dataclass(frozen=True, slots=True)
class ExpectedRows:
    """Amounts by currency; pending bills; and families whose rows are older than their log, by reason."""

    currencies: Sequence[OfCurrency]
    pending: Sequence[Row]
    waiting: Mapping[str, int]


async def read_expected(connection: Any, organization: str, window: Window, most: int) -> ExpectedRows:
    """Read the outlook in a transaction that has set its search path; `most` entries are named in each list."""
    by_currency = defaultdict[str, list[Row]](list)
    for row in await connection.fetch(_SUMS.format(window=window), organization):
        by_currency[row["currency"]].append(row)
    currencies = []
    for currency, (sums, *true_ups) in by_currency.items():
        first = await connection.fetch(_first(window), organization, currency, most)
        at_stake, lapsing = ([row for row in first if row["list"] == name] for name in ("at_stake", "lapses"))
        currencies.append(OfCurrency(sums, at_stake, lapsing, true_ups))
    waiting = await due_families(connection, organization)
    return ExpectedRows(currencies, await connection.fetch(_PENDING, organization), waiting)


async def due_families(connection: Any, organization: str | None = None) -> dict[str, int]:
    """The number of families waiting to be settled, by reason, of an organization or of all; `lines`: only their draws
    and lines lag behind. The connection's transaction reads the live schema.
    """
    # A role that may count all families may not see their organizations (`services/postgres/rights`), so no condition
    # names one.
    whose = () if organization is None else (organization,)
    rows = await connection.fetch(_DUE.format(whose=" WHERE organization = $1" if whose else ""), *whose)
    return {row["reason"]: row["families"] for row in rows}


def _first(window: Window) -> str:
    likely = {
        f"{amount}_is_likely": _IS_LIKELY.format(amount=amount, window=window) for amount in ("at_stake", "lapses")
    }
    return _FIRST.format(window=window, **likely)


async def read_outlook(connection: Any, organization: str, account: str, window: Window, most: int) -> Sequence[Row]:
    """The outlooks of an account's own commitments and balances, the most money at stake first."""
    rows: Sequence[Row] = await connection.fetch(_OF_ACCOUNT.format(window=window), organization, account, most)
    return rows


async def read_balances(connection: Any, organization: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Rows of commitments and balances in the live schema, by id, without those not projected yet."""
    live = await read_live(connection)
    with live.reading():
        rows = await connection.fetch(_BALANCES.format(schema=live.schema), organization, ids)
    return {row["commitment_id"]: row for row in rows}


async def read_with_balance(
    connection: Any, live: LastLive, organization: str, kind: str, id: str
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
    """The row of a commitment or balance, and the row of its state, if it is projected; None if there is none."""
    for row in await live.fetch(connection, _WITH_ITS_ROW, organization, kind, id):
        standing = {name.removeprefix("b_"): value for name, value in row.items() if name.startswith("b_")}
        return row, standing if standing["kind"] is not None else None
    return None
