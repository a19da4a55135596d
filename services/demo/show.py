"""What the demo prints: balances that burn down, bills as tables, and the sums to check by hand."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.demo.story import CUSTOMERS, Customer
from services.demo.trace_file import Request
from services.demo.wire import Client, DemoError

BAR = 18
LOOK_SECONDS = 0.3
ARRIVAL_LOOKS = 200


class Board:
    """The commitments' balances as they were last answered."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._commitments: dict[str, dict[str, Any]] = {}
        self._moment: datetime | None = None
        self._published = 0

    def update(self, customer: Customer, commitment: dict[str, Any]) -> None:
        """Take the answer of GET commitments/{id}."""
        self._commitments[customer.code] = commitment

    def at(self, moment: datetime, published: int) -> None:
        """The service time that publishing has reached, and how many requests were published; redraws."""
        self._moment, self._published = moment, published
        self._live.update(self._table())

    async def until_all_arrived(
        self, client: Client, customers: dict[str, tuple[str, str | None]], published: int
    ) -> None:
        """Look until every request that was published is in the accounts' unbilled usage. Raises: DemoError."""
        for _ in range(ARRIVAL_LOOKS):
            for customer in CUSTOMERS:
                if commitment := customers[customer.code][1]:
                    self.update(customer, await client.call("GET", f"commitments/{commitment}"))
            self._live.update(self._table())
            bills = [await client.call("GET", f"accounts/{account}/unbilled") for account, _ in customers.values()]
            if (arrived := billed_quantity(bills, "Requests")) == published:
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise DemoError(f"{published:,} requests were published and {arrived:,} have arrived in time")

    def _table(self) -> Table:
        moment = f"{self._moment:%d %B %Y %H:%M}" if self._moment else ""
        table = Table(title=f"{self._published:,} requests published, service time {moment}", title_justify="left")
        for heading in ("account", "commitment", "spent", "remaining", ""):
            table.add_column(heading, justify="right" if heading in ("spent", "remaining") else "left")
        for code, held in self._commitments.items():
            amount = Decimal(held["amount"])
            if held.get("commitmentType") == "MINIMUM":
                spent = Decimal(sum((Decimal(period["counted"]) for period in held["periods"][:1]), Decimal(0)))
                table.add_row(
                    code,
                    f"minimum {amount:.2f} a month",
                    f"{spent:.2f}",
                    f"{max(amount - spent, Decimal(0)):.2f}",
                    _bar(spent, amount),
                )
            else:
                spent = Decimal(held["amountSpent"])
                table.add_row(
                    code,
                    f"prepayment {amount:.2f}",
                    f"{spent:.2f}",
                    f"{Decimal(held['amountRemaining']):.2f}",
                    _bar(spent, amount),
                )
        return table


def _bar(spent: Decimal, amount: Decimal) -> str:
    full = min(BAR, int(BAR * spent / amount))
    return f"[red]{'█' * full}[/][green]{'█' * (BAR - full)}[/]"


@contextlib.contextmanager
def burn_down(console: Console) -> Iterator[Board]:
    """A live table while the block runs; on no terminal only its last state is printed."""
    with Live(console=console, refresh_per_second=8) as live:
        yield Board(live)


def bill_table(bill: dict[str, Any]) -> Table:
    """A bill as GET bills answers it."""
    title = f"bill of {bill['accountCode']}, {bill['billDate']}, due {bill['dueDate']}"
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("line", footer="total")
    table.add_column("description")
    table.add_column("period")
    table.add_column("quantity", justify="right")
    table.add_column(bill["currency"], justify="right", footer=f"{Decimal(bill['billTotal']):,.2f}")
    for line in bill["lineItems"]:
        name = "COMMITMENT_FEE (true-up)" if line.get("trueUp") else line["lineItemType"]
        period = f"{line['servicePeriodStartDate'][:10]} to {line['servicePeriodEndDate'][:10]}"
        table.add_row(
            name, line["description"], period, f"{Decimal(line['quantity']):,}", f"{Decimal(line['subtotal']):,.2f}"
        )
    return table


def check_sums(requests: list[Request], bills: list[dict[str, Any]], console: Console) -> None:
    """The trace's own sums must stand on the bills to the last token. Raises: DemoError."""
    wanted = {
        "Requests": len(requests),
        "Context tokens": sum(request.context_tokens for request in requests),
        "Generated tokens": sum(request.generated_tokens for request in requests),
    }
    for name, sum_of_trace in wanted.items():
        billed = billed_quantity(bills, name)
        console.print(f"{name}: {sum_of_trace:,} in the trace, {billed:,} on the bills")
        if billed != sum_of_trace:
            raise DemoError(f"{name}: the bills hold {billed:,}, the trace {sum_of_trace:,}")


def billed_quantity(bills: list[dict[str, Any]], name: str) -> Decimal:
    """The quantity of all usage lines of this name."""
    quantities = (
        Decimal(line["quantity"])
        for bill in bills
        for line in bill["lineItems"]
        if line["lineItemType"] in ("USAGE", "OVERAGE_USAGE") and line["description"] == name
    )
    return sum(quantities, Decimal(0))
