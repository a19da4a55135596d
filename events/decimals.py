"""Exact numbers of the wire and of events.

Money and quantities are `Decimal` in the code, JSON strings in events and JSON numbers on HTTP; never a float.
A number is kept in *plain notation without an exponent*, so equal values of one scale have one text.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

#: Most digits a number may have before and after its point. Sums of billions of such numbers stay exact in EXACT.
MAX_WHOLE_DIGITS = 18
MAX_FRACTION_DIGITS = 18

#: Arithmetic that must not round: a result that would need more digits raises instead of losing a cent.
EXACT = Context(prec=120, traps=[InvalidOperation, Inexact])


def plain(value: Decimal) -> str:
    """The value's text without exponent: `1E+3` is `1000`, `-0` is `0`."""
    return format(value if value else abs(value), "f")


def normal(value: Decimal) -> Decimal:
    """The value without trailing zeros and without exponent: equal numbers become one representation."""
    with localcontext(EXACT):
        return Decimal(plain(value.normalize()))


def parse_decimal(value: Any) -> Decimal:
    """A finite Decimal of at most 18 whole and 18 fraction digits from a Decimal, an int or a numeric text.

    Raises: ValueError naming the rule. A float is taken by its shortest text, the digits that the sender wrote.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise ValueError("must be a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError) as error:
        raise ValueError("must be a number") from error
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if number.adjusted() >= MAX_WHOLE_DIGITS or (
        number and -int(number.normalize().as_tuple().exponent) > MAX_FRACTION_DIGITS
    ):
        raise ValueError(f"must have at most {MAX_WHOLE_DIGITS} whole and {MAX_FRACTION_DIGITS} fraction digits")
    return Decimal(plain(number))


#: A Decimal field: any JSON number or numeric text in, plain text out in events.
Number = Annotated[Decimal, BeforeValidator(parse_decimal), PlainSerializer(plain, return_type=str, when_used="json")]
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
