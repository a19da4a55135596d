"""Bill lines: the difference between what is due and what was billed, by key."""

from fractions import Fraction
from typing import Any

from .lines import Due, Key, Line, Lines
from .money import show, show_number
from .settlement import Held


def difference(due: Due, billed: Lines, account: str, left: set[Key]) -> Lines:
    """One net line per key of the account's bills; it is written when its amount or its quantity differs from what was
    billed. `due` is what is due on all bills of the family, `left` what stays as it was billed."""
    net: Lines = {}
    for key in sorted(key for key in {*due.lines, *billed} if key.bill_account == account and key not in left):
        was, now = billed.get(key, Line(key.start)), due.lines.get(key)
        if now is None or (key.plan and not now.amount and not now.quantity):
            now = given_back(due, was, now, key)
        amount = now.amount - was.amount
        quantity = (now.quantity or Fraction(0)) - (was.quantity or Fraction(0))
        if amount or quantity:
            counts = now.quantity is not None or was.quantity is not None
            net[key] = Line(now.end, amount, quantity if counts else None, now.extra, now.account_plans)
    return net


def given_back(due: Due, was: Line, now: Line | None, key: Key) -> Line:
    """The line of a key that owes nothing more, with its period as it now is.

    One for several accounts named the period that ends last: while any of theirs ends there it does so still. Where
    none starts on its day any more the period is the one that was billed.
    """
    account_plans = was.account_plans | (now.account_plans if now else set())
    held = [Held(account_plan, key.item, key.start, key.of_standing_charge) for account_plan in account_plans]
    ends = [due.ends[code] for code in held if code in due.ends]
    end = was.end if was.end in ends else max(ends, default=was.end)
    return Line(end, extra=was.extra, account_plans=account_plans)


def add_billed(billed: Lines, net: Lines) -> None:
    for key, line in net.items():
        was = billed.get(key, Line(line.end))
        quantity = None
        if line.quantity is not None or was.quantity is not None:
            quantity = (was.quantity or Fraction(0)) + (line.quantity or Fraction(0))
        billed[key] = Line(line.end, was.amount + line.amount, quantity, line.extra, line.account_plans)


def show_line(key: Key, line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": key.type, "amount": show(line.amount, key.currency)}
    if line.quantity is not None:
        shown["quantity"] = show_number(line.quantity)
    if key.product:
        shown["product"] = key.product
    shown["period"] = [key.start.isoformat(), line.end.isoformat()]
    if key.account != key.bill_account:
        shown["childAccount"] = key.account
    return shown | line.extra


def shown_bills(account: str, net: Lines) -> list[dict[str, Any]]:
    """One bill per currency."""
    bills = []
    for currency in sorted({key.currency for key in net}):
        lines = [(key, line) for key, line in net.items() if key.currency == currency]
        total = sum((line.amount for _, line in lines), Fraction(0))
        shown = [show_line(key, line) for key, line in lines]
        bills.append({"account": account, "currency": currency, "total": show(total, currency), "lines": shown})
    return bills
