"""What the demo prints into a log of 80 columns, by value; a log has no colours and no frame that is redrawn."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.demo.client import DemoError
from services.demo.show import burn_down, check_spent, printed_bill
from services.demo.story import CUSTOMERS
from services.run.printing import make_console, show

ACORN, BIRCH, CEDAR, _ = CUSTOMERS
PERIOD = {"servicePeriodStartDate": "2026-10-01T00:00:00Z", "servicePeriodEndDate": "2026-11-01T00:00:00Z"}
PREPAID: dict[str, Any] = {"amount": 15, "amountSpent": Decimal("15.00"), "amountRemaining": Decimal("0.00")}
MINIMUM: dict[str, Any] = {
    "amount": 40,
    "commitmentType": "MINIMUM",
    "periods": [{"counted": Decimal("24.41")}, {"counted": Decimal(0)}],
}


def item(kind: str, description: str, quantity: int, subtotal: str, pricing: str | None = None) -> dict[str, Any]:
    """A line item as GET bills has it."""
    found = {"lineItemType": kind, "description": description, "quantity": quantity, "subtotal": Decimal(subtotal)}
    return found | PERIOD | ({"pricingId": pricing} if pricing else {})


BILL: Mapping[str, Any] = {
    "accountCode": "acorn",
    "billDate": "2026-11-01",
    "dueDate": "2026-12-01",
    "currency": "USD",
    "billTotal": Decimal("10.04"),
    "lineItems": [
        item("USAGE", "Context tokens", 5_560_888, "13.90", "p1"),
        item("USAGE", "Generated tokens", 1_022_564, "10.23", "p2"),
        item("COMMITMENT_CONSUMED", "Paid from Acorn's prepayment", 0, "-13.90", "p1"),
        item("COMMITMENT_CONSUMED", "Paid from Acorn's prepayment", 0, "-1.10", "p2"),
        item("OVERAGE_SURCHARGE", "Generated tokens Overage Surcharge", 0, "0.91", "p2"),
        item("COMMITMENT_FEE", "Commitment [True-up]", 1, "0.00") | {"trueUp": True},
    ],
}
PRINTED_BILL = """\
Acorn, prepaid, exhausted in mid-month, 10 % surcharge on overage
bill of 2026-11-01, due 2026-12-01, for 2026-10-01 to 2026-11-01
line                      about                             quantity         USD
────────────────────────────────────────────────────────────────────────────────
USAGE                     Context tokens                   5,560,888       13.90
USAGE                     Generated tokens                 1,022,564       10.23
COMMITMENT_CONSUMED       for Context tokens                              -13.90
COMMITMENT_CONSUMED       for Generated tokens                             -1.10
OVERAGE_SURCHARGE         Generated tokens Overage                          0.91
                          Surcharge
COMMITMENT_FEE (true-up)  Commitment [True-up]                              0.00
────────────────────────────────────────────────────────────────────────────────
total                                                                      10.04
"""
PRINTED_BOARD = """\
19,366 requests published, service time 31 October 2026 23:59
account  commitment                    spent  remaining
────────────────────────────────────────────────────────────────────────────────
acorn    prepayment of 15.00           15.00       0.00  ████████████████  100 %
cedar    minimum of 40.00 a month      24.41      15.59  █████████░░░░░░░   61 %
"""


@pytest.fixture(autouse=True)
def _as_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # some CI sets it for all


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def board(out: io.StringIO) -> str:
    console = make_console(out)
    with burn_down(console) as shown:
        for published, spent in ((100, "0.25"), (19_366, "15.00")):
            shown.at(datetime(2026, 10, 31, 23, 59, tzinfo=UTC), published)
            shown.update(ACORN, PREPAID | {"amountSpent": Decimal(spent)})
            shown.update(CEDAR, MINIMUM)
    return out.getvalue()


def bill(width: str | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    if width:
        monkeypatch.setenv("COLUMNS", width)
    out = io.StringIO()
    console = make_console(out)
    show(console, printed_bill(console, BILL))
    return out.getvalue().splitlines()


def test_a_bill_fits_80_columns_with_nothing_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bill(None, monkeypatch) == PRINTED_BILL.splitlines()


def test_the_burn_down_is_printed_once_as_it_is_in_the_end() -> None:
    assert board(io.StringIO()) == PRINTED_BOARD


@pytest.mark.parametrize(
    ("columns", "width"), [("80", 80), ("100", 100), ("200", 100), ("70", 70), ("30", 64), ("x", 80)]
)
def test_columns_are_respected_within_what_a_table_needs(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    lines = bill(columns, monkeypatch)
    assert max(map(len, lines)) == width
    text = " ".join(lines)
    for whole in ("COMMITMENT_CONSUMED", "COMMITMENT_FEE (true-up)", "5,560,888", "-13.90", "10.04"):
        assert whole in text
    assert "…" not in text


def test_a_terminal_has_colours_and_one_table_that_is_redrawn() -> None:
    shown = board(Terminal())
    assert "\x1b[31m█" in shown
    assert "\x1b[?25l" in shown, "the cursor is hidden while it is redrawn"


def test_a_bill_that_draws_other_than_was_shown_ends_the_demo() -> None:
    check_spent({"acorn": Decimal("15.00")}, [dict(BILL)])
    with pytest.raises(DemoError, match=r"acorn: 14\.99 was shown as spent, the bill draws 15\.00"):
        check_spent({"acorn": Decimal("14.99")}, [dict(BILL)])


async def test_the_last_look_at_the_balances_comes_after_all_usage_has_arrived() -> None:
    """A client whose usage arrives late, and whose commitments only then are what they become."""

    class Late:
        looks = 0

        async def call(self, method: str, path: str) -> dict[str, Any]:
            if path.startswith("accounts/"):
                self.looks += 1
                return {"lineItems": [item("USAGE", "Requests", 10 if self.looks > 8 else 1, "0.00")]}
            return PREPAID | {"amountSpent": Decimal("15.00" if self.looks > 8 else "0.25")}

    client: Any = Late()
    customers = {customer.code: (customer.code, "c" if customer in (ACORN, BIRCH) else None) for customer in CUSTOMERS}
    with burn_down(make_console(io.StringIO())) as shown:
        shown.at(datetime(2026, 10, 31, tzinfo=UTC), 40)
        await shown.until_all_arrived(client, customers)
    assert shown.spent() == {"acorn": Decimal("15.00"), "birch": Decimal("15.00")}
