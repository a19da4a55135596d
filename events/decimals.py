"""Exact numbers of the wire and of events.

Money and quantities are `Decimal` in the code, JSON strings in events and JSON numbers on HTTP; never a float.
A number is kept in *plain notation without an exponent*, so equal values of one scale have one text.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

#: Most digits of a number before and after its point. Sums of billions of such numbers stay exact in EXACT.
MAX_WHOLE_DIGITS = 18
MAX_FRACTION_DIGITS = 18

#: Arithmetic that must not round: a result that would need more digits raises instead of losing a cent.
EXACT = Context(prec=120, traps=[InvalidOperation, Inexact])
#: The context that rounds an outside number to its last kept digit; it has one more whole digit for the carry.
_ROUNDING = Context(prec=MAX_WHOLE_DIGITS + MAX_FRACTION_DIGITS + 1, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_LAST_DIGIT = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
#: A number with an exponent; matched for exponents that `Decimal` cannot hold.
_SCIENTIFIC = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]([+-]?)[0-9]+")
_HUGE = Decimal("1E+999999999")


def plain(value: Decimal) -> str:
    """The value's text without exponent: `1E+3` is `1000`, `-0` is `0`."""
    return format(value if value else abs(value), "f")


def normal(value: Decimal) -> Decimal:
    """The value without trailing zeros and without exponent, so that equal numbers have equal texts."""
    with localcontext(EXACT):
        return Decimal(plain(value.normalize()))


def read_decimal(text: str) -> Decimal:
    """The exact number of a text; an exponent beyond all bounds gives 0 or a huge number. Raises: ValueError."""
    try:
        return Decimal(text)
    except InvalidOperation:
        scientific = _SCIENTIFIC.fullmatch(text)
        if scientific is None:
            raise ValueError("must be a number") from None
        mantissa, sign = scientific.groups()
        return Decimal(0) if sign == "-" or not mantissa.strip("0.") else _HUGE


def fits(number: Decimal) -> bool:
    """Whether a finite number has no more digits before its point than numbers have."""
    return not number or number.adjusted() < MAX_WHOLE_DIGITS


def parse_decimal(value: Any) -> Decimal:
    """A finite Decimal of at most 18 whole and 18 fraction digits from a Decimal, an int or a numeric text.

    More than 18 fraction digits are rounded half-even to 18, so an ordinary double such as 1/300 is accepted. A float
    is read from its shortest text, the digits that the sender wrote. Raises: ValueError naming the rule.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise ValueError("must be a number")
    number = Decimal(value) if isinstance(value, Decimal | int) else read_decimal(str(value))
    if not number.is_finite():
        raise ValueError("must be a finite number")
    # The exponent is checked first: a number must be known to be short before it is written out in full.
    if number.adjusted() < MAX_WHOLE_DIGITS and int(number.as_tuple().exponent) < -MAX_FRACTION_DIGITS:
        number = normal(number.quantize(_LAST_DIGIT, context=_ROUNDING))
    if not fits(number):
        raise ValueError(f"must have at most {MAX_WHOLE_DIGITS} whole digits")
    return Decimal(plain(number))


#: A Decimal field: any JSON number or numeric text in, plain text out in events.
Number = Annotated[Decimal, BeforeValidator(parse_decimal), PlainSerializer(plain, return_type=str, when_used="json")]
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
