"""What a JSON library writes for an ordinary double is a number: rounded to 18 digits, refused beyond 18 whole ones."""

import contextlib
import json
import math
import struct
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from events.decimals import parse_decimal, plain, read_decimal

#: Every finite double is as likely, so nearly all are very large or very small.
ANY_DOUBLE = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
#: What people measure and charge.
ORDINARY = st.floats(-1e12, 1e12, allow_nan=False)
SMALL = st.floats(1e-12, 0.01)
UNIT = Fraction(1, 10**18)


def half_even(number: Fraction) -> Fraction:
    """The multiple of 10**-18 that is nearest, the even one of two; `round` of a fraction is half-even."""
    return round(number / UNIT) * UNIT


@given(st.one_of(ANY_DOUBLE, ORDINARY, SMALL))
def test_a_double_is_its_shortest_text_rounded_half_even(double: float) -> None:
    assume(math.isfinite(double))
    exact = Fraction(Decimal(repr(double)))
    if abs(half_even(exact)) >= 10**18:
        with pytest.raises(ValueError, match="must have at most 18 whole digits"):
            parse_decimal(double)
        return
    for given_as in (double, Decimal(repr(double)), json.dumps(double)):
        assert Fraction(parse_decimal(given_as)) == half_even(exact)
    text = plain(parse_decimal(double))
    assert "E" not in text and not text.startswith("-0.000000000000000000")
    assert parse_decimal(text) == Decimal(text)


@given(SMALL)
def test_every_small_double_is_taken(double: float) -> None:
    assert abs(Fraction(parse_decimal(double)) - Fraction(repr(double))) <= UNIT / 2


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**17), max_value=10**17, places=24))
def test_a_number_with_too_many_digits_is_rounded_half_even(number: Decimal) -> None:
    assert Fraction(parse_decimal(number)) == half_even(Fraction(number))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1 / 300, "0.003333333333333334"),
        (0.1 + 0.2, "0.30000000000000004"),
        ("0.0000000000000000005", "0"),
        ("0.0000000000000000015", "0.000000000000000002"),
        ("-0.0000000000000000005", "0"),
        ("0.1000000000000000000000", "0.1"),
        ("0.100", "0.100"),
        ("-0.0", "0.0"),
        ("1e-400", "0"),
        ("-1e-999999999", "0"),
        ("1e-99999999999999999999999999", "0"),
        ("0e99999999999999999999999999", "0"),
        ("0E+30", "0"),
        ("1e17", "100000000000000000"),
        ("999999999999999999.4999999999999999999999", "999999999999999999.5"),
    ],
)
def test_what_is_kept_of_a_number(given: object, kept: str) -> None:
    assert plain(parse_decimal(given)) == kept


@pytest.mark.parametrize(
    "text", ["1e18", "-1e999999999", "1e99999999999999999999999999", "999999999999999999.9999999999999999996"]
)
def test_more_than_18_whole_digits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must have at most 18 whole digits"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["", "x", "1e", "1e+", ".e99999999999999999999999", "0x10", "e5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        read_decimal(text)


@pytest.mark.parametrize("text", ["1e-400", "1e-999999999", "1e999999999", "1e" + "9" * 1000, "0." + "1" * 500_000])
def test_no_number_takes_long_to_judge(text: str) -> None:
    began = time.thread_time()
    with contextlib.suppress(ValueError):
        parse_decimal(text)
    assert time.thread_time() - began < 0.1
