"""What the API is asked for beside a page: all numbers on the page stand in these answers."""

from decimal import Decimal
from typing import Any

#: By the page's name, what the API is asked for that has every number of it.
ANSWERS = {
    "overview": ("overview",),
    "account": ("commitments?accountId={acme}", "accounts/{acme}/unbilled", "bills?accountId={acme}", "pricings/{USD}",
                "commitments/{prepaid}/burndown"),
    "account-yen": ("commitments?accountId={kaisha}", "accounts/{kaisha}/unbilled", "bills?accountId={kaisha}",
                    "pricings/{JPY}", "commitments/{yen}/burndown"),
    "commitment": ("commitments/{prepaid}", "commitments/{prepaid}/balance", "commitments/{prepaid}/burndown",
                   "lineitems?commitmentId={prepaid}", "accounts/{acme}/unbilled?asOf=2027-01-01"),
    "minimum": ("commitments/{minimum}", "commitments/{minimum}/balance", "commitments/{minimum}/progress",
                "accounts/{hostile}/unbilled?asOf=2027-01-01"),
    "balance": ("balances/{balance}", "balances/{balance}/transactions/summary"),
    "bills": ("bills",),
    "bill": ("bills/{bill-acme}",),
    "bill-pending": ("bills/{pending}",),
    "bill-line": ("bills/{bill-acme}/lineitems/{line}/explain",),
    "approve": ("bills/{pending}",),
}  # fmt: skip


def numbers_in(answer: Any) -> set[Decimal]:
    """All of an answer, at whatever depth."""
    if isinstance(answer, dict):
        return set().union(*map(numbers_in, answer.values()))
    if isinstance(answer, list):
        return set().union(*map(numbers_in, answer))
    return {answer} if isinstance(answer, Decimal) else set()
