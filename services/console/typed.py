"""Numbers that visitors typed into a form, or that stand in an address."""

from decimal import Decimal

from events.decimals import MAX_WHOLE_DIGITS, parse_decimal

NUMBER_RULE = f"must be a number of at most {MAX_WHOLE_DIGITS} whole digits, with a point before the decimals"


def number_of(text: str | None) -> Decimal | None:
    """The number in a typed text; None if it fails NUMBER_RULE.

    The API refuses larger numbers anyway. Here they must not even be written on a page: `1e999999999` would become a
    text of a gigabyte.
    """
    try:
        return parse_decimal((text or "").strip())
    except ValueError:
        return None
