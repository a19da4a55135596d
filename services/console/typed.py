"""Numbers that visitors typed into a form, or that stand in an address."""

from decimal import Decimal

from events.decimals import parse_decimal
from projections.money import is_whole_minor, minor_digits

NUMBER_RULE = "must be a number of at most eighteen whole digits, with a point before the decimals"


def number_of(text: str | None) -> Decimal | None:
    """The number in a typed text; None if it fails NUMBER_RULE.

    The API refuses larger numbers anyway. Here they must not even be written on a page: `1e999999999` would become a
    text of a gigabyte.
    """
    try:
        return parse_decimal((text or "").strip())
    except ValueError:
        return None


def fault_of(number: Decimal | None, currency: str | None = None) -> str:
    """What is wrong with a typed amount or count, to follow its name; "" if nothing is.

    `currency`: of an amount that is paid. A finer one would stand rounded in the question whether to pay it.
    """
    if number is None:
        return NUMBER_RULE
    if number <= 0:
        return "must be above zero"
    if currency is not None and not is_whole_minor(number, currency):
        return f"must have at most {minor_digits(currency)} digits after the point, as {currency} has"
    return ""
