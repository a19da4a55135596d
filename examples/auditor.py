"""Derives an account's bills again from the log alone, and compares every line with the bill that the customer sees.

    python examples/auditor.py ACCOUNT_CODE

It reads the topics `billing.catalog` and `billing.events`, where everything stands that a bill follows from, and folds
them with the same pure functions that Trueup itself bills with. Trueup's database is not read: what somebody changed
there, a rebuilt read model or a single line, is found here. Exit status 1, with the difference, if anything differs.
(A bill that is issued at this very moment may be on one side only; then run it again.)

`trueup audit` proves the same of all accounts at once, and also that the database is what the log says.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from connection import ORGANIZATION, Api
from log import Logged, read

from events.facts.bills import BillFact, BillIssued
from events.facts.usage import UsageRated
from events.topics import CATALOG, EVENTS
from events.zones import ZoneDays, time_zone
from projections.aggregates import DayState
from projections.resources import Resources
from projections.settlement import Billed, Family, Totals, TotalsKey, compile_terms, draft_again, issue, together
from projections.usage import Cell, CellKey, fold_usage, meter_plans, rated_of


class Line(NamedTuple):
    """What a line says, as the log and as the API have it."""

    type: str
    description: str
    start: date
    quantity: Decimal
    units: Decimal
    amount: Decimal

    def __str__(self) -> str:
        return f"{self.type} {self.amount} for {self.quantity} from {self.start} ({self.description})"


def family_of(bill: BillIssued, catalog: Sequence[Logged], log: Sequence[Logged]) -> Family:
    """The account with all that was known of it where the bill says that it was settled."""
    shared, own, billed = Resources(ORGANIZATION), Resources(ORGANIZATION), Billed()
    for logged in before(bill.positions.catalog, catalog):
        shared.evolve(logged.fact)
    for logged in before(bill.positions.log, log):
        own.evolve(logged.fact)
        if isinstance(logged.fact.data, BillFact) and logged.fact.data.root_id == bill.root_id:
            billed.evolve(logged.fact.data)
    resources, known = together(shared, own, own.clock), before(bill.positions.log, log)
    return Family(compile_terms(resources, bill.root_id), totals(resources, bill.root_id, known), billed)


def before(offset: int, log: Sequence[Logged]) -> Iterator[Logged]:
    """What stands before the offset."""
    return (logged for logged in log if logged.offset < offset)


def totals(resources: Resources, root: str, log: Iterable[Logged]) -> Totals:
    """What the root account and its children used, by aggregation and day."""
    cells, found = dict[CellKey, Cell](), dict[TotalsKey, dict[date, DayState]]()
    accounts = {id: account for id, account in resources.accounts.items() if account.root_id == root}
    used = {one.offset: one for one in log if isinstance(one.fact.data, UsageRated) and one.fact.account in accounts}
    zones = {id: ZoneDays(time_zone(account.timezone)) for id, account in accounts.items()}
    rated = [rated_of(one.fact) for one in used.values()]
    fold_usage(cells, used, rated, lambda offset: used[offset].value, meter_plans(resources), zones)
    for (account, aggregation, segment, day), cell in cells.items():
        found.setdefault((account, aggregation, segment), {})[day] = cell.day_state()
    return found


def derived(bill: BillIssued, family: Family) -> list[Line]:
    """The lines that follow from the log."""
    draft = draft_again(family, bill)
    lines = issue(draft, bill_id=bill.bill_id, positions=bill.positions).lines if draft is not None else ()
    return [Line(one.type, one.description, one.period_start, one.quantity, one.units, one.amount) for one in lines]


def shown(bill: dict[str, Any]) -> list[Line]:
    """The lines that the customer sees."""
    zone = time_zone(bill["timezone"])
    return [
        Line(
            one["lineItemType"], one["description"],
            datetime.fromisoformat(one["servicePeriodStartDate"]).astimezone(zone).date(),
            one["quantity"], one["units"], one["subtotal"],
        )
        for one in bill["lineItems"]
    ]  # fmt: skip


def differences(bill: BillIssued, ours: Iterable[Line], theirs: Iterable[Line]) -> Iterator[str]:
    """Every line that stands on one side only."""
    logged, seen = Counter(ours), Counter(theirs)
    for line in (logged - seen).elements():
        yield f"bill {bill.bill_id}: the log says {line}, which is not shown"
    for line in (seen - logged).elements():
        yield f"bill {bill.bill_id}: shown is {line}, which the log does not say"


def audited(account: str, seen: dict[str, Any], catalog: Sequence[Logged], log: Sequence[Logged]) -> list[str]:
    """What differs between the account's bills in the log and those that the API shows, by id."""
    standing = Billed()
    for logged in log:
        standing.evolve(logged.fact.data)
    issued = {id: bill for id, bill in standing.bills.items() if bill.account_id == account}
    found = [f"bill {id} is shown, and the log does not say that it was issued" for id in seen.keys() - issued]
    for id, bill in issued.items():
        print(f"bill {id} of {bill.bill_date}, {bill.total} {bill.currency}")
        theirs = shown(seen[id]) if id in seen else []
        found += differences(bill, derived(bill, family_of(bill, catalog, log)), theirs)
    return found


async def main() -> None:
    """Audit the account that is named."""
    [code] = sys.argv[1:] or [sys.exit("which account? its code is the argument")]
    api = Api()
    [account] = api.pages("accounts", codes=code) or [sys.exit(f"there is no account {code!r}")]
    bills = {bill["id"]: bill for bill in api.pages("bills", accountId=account["id"]) if bill["status"] == "APPROVED"}
    catalog, log = (await read(CATALOG)).get(0, []), await read(EVENTS)
    [own] = [part for part in log.values() if any(logged.fact.account == account["id"] for logged in part)]
    found = audited(account["id"], bills, catalog, own)
    print(*found, f"{len(bills)} bills, {len(found)} differences", sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    asyncio.run(main())
