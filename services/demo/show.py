"""What the demo prints: a live table of balances, bills as tables, and the sums that can be checked by hand."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from projections.line_types import DRAWS
from services.demo.client import Client, DemoError
from services.demo.story import CUSTOMERS, Customer
from services.demo.trace_file import TraceRequest
from services.run.printing import PrintedLine, bill_table, charges_by_pricing, grid, show

BAR = 16
LOOK_SECONDS = 0.3
ARRIVAL_LOOKS = 200


class Board:
    """The commitments as the API last showed them. `live`: the table on the terminal to keep up to date, if any."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console, self._live = console, live
        self._commitments: dict[str, dict[str, Any]] = {}
        self._moment: datetime | None = None
        self._published = 0

    def update(self, customer: Customer, commitment: dict[str, Any]) -> None:
        """Take a customer's commitment, as GET commitments/{id} answers it."""
        self._commitments[customer.code] = commitment
        if self._live is not None:
            self._live.update(self.table())

    def at(self, moment: datetime, published: int) -> None:
        """Take note of the service time that publishing has reached, and of how many requests were published."""
        self._moment, self._published = moment, published

    def spent(self) -> dict[str, Decimal]:
        """The amount that each prepayment has paid, by account code; minimums are left out."""
        commitments = self._commitments.items()
        return {
            code: Decimal(commitment["amountSpent"])
            for code, commitment in commitments
            if commitment.get("commitmentType") != "MINIMUM"
        }

    async def look(self, client: Client, customers: Mapping[str, tuple[str, str | None]]) -> None:
        """Get all commitments from the API. `customers`: code -> (account id, commitment id or None)."""
        for customer in CUSTOMERS:
            if commitment := customers[customer.code][1]:
                self.update(customer, await client.call("GET", f"commitments/{commitment}"))

    async def until_all_arrived(self, client: Client, customers: Mapping[str, tuple[str, str | None]]) -> None:
        """Look until all published requests are in the accounts' unbilled usage. Raises: DemoError if that takes long.

        `customers`: code -> (account id, commitment id or None).
        """
        for _ in range(ARRIVAL_LOOKS):
            bills = [await client.call("GET", f"accounts/{account}/unbilled") for account, _ in customers.values()]
            # Commitments come after the usage, so that those of the last round include all of it.
            await self.look(client, customers)
            if (arrived := billed_quantity(bills, "Requests")) == self._published:
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise DemoError(f"{self._published:,} requests were published and {arrived:,} have arrived in time")

    def table(self) -> Table:
        """A table with a row for each commitment and a bar of what is spent."""
        moment = f", service time {self._moment:%d %B %Y %H:%M}" if self._moment else ""
        table = grid(self._console, f"{self._published:,} requests published{moment}")
        table.add_column("account", no_wrap=True)
        table.add_column("commitment", ratio=1)
        for heading in ("spent", "remaining"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=8)
        table.add_column("", no_wrap=True, min_width=BAR + 6)
        for code, commitment in self._commitments.items():
            amount = Decimal(commitment["amount"])
            if commitment.get("commitmentType") == "MINIMUM":
                what = f"minimum of {amount:.2f} a month"
                spent = sum((Decimal(period["counted"]) for period in commitment["periods"][:1]), Decimal(0))
                remaining = max(amount - spent, Decimal(0))
            else:
                what = f"prepayment of {amount:.2f}"
                spent, remaining = Decimal(commitment["amountSpent"]), Decimal(commitment["amountRemaining"])
            table.add_row(code, what, f"{spent:.2f}", f"{remaining:.2f}", _bar(spent, amount))
        return table


def _bar(spent: Decimal, amount: Decimal) -> Text:
    """A bar of what is spent. Signs differ as well as colours, so that it can be read in a log, too."""
    full = min(BAR, int(BAR * spent / amount))
    bar = Text("█" * full, style="red").append("░" * (BAR - full), style="green")
    return bar.append(f" {100 * spent / amount:4.0f} %", style="default")


@contextlib.contextmanager
def burn_down(console: Console) -> Iterator[Board]:
    """A table that is kept up to date on a terminal during the block; elsewhere it is printed once, at the end."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            yield Board(console, live)
    else:
        board = Board(console, None)
        yield board
        show(console, board.table())


def printed_bill(console: Console, bill: Mapping[str, Any]) -> Table:
    """A table of a bill, which is as GET bills answers it. Lines that draw on a commitment name the charge they pay."""
    items = bill["lineItems"]
    charges = charges_by_pricing((item["lineItemType"], item.get("pricingId"), item["description"]) for item in items)
    lines = [_line(item, charges) for item in items]
    names = {customer.code: customer.name for customer in CUSTOMERS}
    title = f"{names.get(bill['accountCode'], bill['accountCode'])}\nbill of {bill['billDate']}, due {bill['dueDate']}"
    return bill_table(console, title, bill["currency"], lines, Decimal(bill["billTotal"]))


def _line(item: Mapping[str, Any], charges: Mapping[str, str]) -> PrintedLine:
    about = item["description"]
    if item["lineItemType"] in DRAWS and (charge := charges.get(item.get("pricingId", ""))):
        about = f"for {charge}"
    return PrintedLine(
        type=item["lineItemType"],
        about=about,
        period=(item["servicePeriodStartDate"][:10], item["servicePeriodEndDate"][:10]),
        quantity=Decimal(item["quantity"]),
        amount=Decimal(item["subtotal"]),
        true_up=item.get("trueUp", False),
    )


def check_sums(requests: Sequence[TraceRequest], bills: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the sums of requests and tokens in the trace and on the bills. Raises: DemoError if any two differ."""
    wanted = {
        "Requests": len(requests),
        "Context tokens": sum(request.context_tokens for request in requests),
        "Generated tokens": sum(request.generated_tokens for request in requests),
    }
    for name, sum_of_trace in wanted.items():
        billed = billed_quantity(bills, name)
        show(console, f"{name + ':':<18}{sum_of_trace:>12,} in the trace, {billed:>12,} on the bills")
        if billed != sum_of_trace:
            raise DemoError(f"{name}: the bills hold {billed:,}, the trace {sum_of_trace:,}")


def check_spent(spent: Mapping[str, Decimal], bills: Sequence[dict[str, Any]]) -> None:
    """Check that each prepayment pays on the bill what it showed as spent before. Raises: DemoError.

    `spent`: amounts by account code, as `Board.spent` gives them.
    """
    for bill in bills:
        drawn = [Decimal(line["subtotal"]) for line in bill["lineItems"] if line["lineItemType"] in DRAWS]
        shown = spent.get(bill["accountCode"], Decimal(0))
        if -sum(drawn) != shown:
            raise DemoError(f"{bill['accountCode']}: {shown} was shown as spent, the bill draws {-sum(drawn)}")


def billed_quantity(bills: Sequence[dict[str, Any]], name: str) -> Decimal:
    """The total quantity of all usage lines with this description."""
    quantities = (
        Decimal(line["quantity"])
        for bill in bills
        for line in bill["lineItems"]
        if line["lineItemType"] in ("USAGE", "OVERAGE_USAGE") and line["description"] == name
    )
    return sum(quantities, Decimal(0))
