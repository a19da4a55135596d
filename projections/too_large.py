"""Numbers that follow from others and are too large to be kept.

Whoever sends a number keeps to 18 digits before its point (`events.decimals`). What follows from many of them, usage
times a price or the sum of a bill, may have more. Then nothing is cut off or rounded, and nothing is billed: whoever
asks is told whose number it is. What it follows from stays in the log, so it is there as soon as that is corrected.
"""

from decimal import Decimal

from events.decimals import MAX_WHOLE_DIGITS, fits


class TooLargeError(ArithmeticError):
    """A number that follows from others is too large; the message says which one, of which account, and what helps."""

    def __init__(self, account_id: str, what: str, number: Decimal) -> None:
        self.account_id, self.what, self.number = account_id, what, number
        super().__init__(account_id, what, number)

    def __str__(self) -> str:
        return (
            f"account {self.account_id}: {self.what} would be {self.number:.1E}, and a number has at most "
            f"{MAX_WHOLE_DIGITS} digits before its point: correct the usage, the prices or the terms behind it"
        )


def check_size(account_id: str, what: tuple[object, ...], *numbers: Decimal) -> None:
    """Check numbers before they are kept; `what` are the words for them. Raises: TooLargeError."""
    for number in numbers:
        if not fits(number):
            raise TooLargeError(account_id, " ".join(map(str, what)), number)
