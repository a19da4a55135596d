"""Money, numbers and days as people read them, in the form of a locale: one of babel's names (`en`, `de_CH`)."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy
from datetime import date
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, format_currency, format_decimal

from events.decimals import EXACT
from projections.money import minor_digits

#: The custom field of an account, or of the configuration of an organization: no resource of the wire has a locale.
FIELD = "locale"
#: English of no place: where nobody says in which form he reads.
PLAIN = "en"
#: A day there: first the day, and the month in letters, so that nobody takes one for the other.
_PLAIN_DAY = "d MMM y"
_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
_REMEMBERED = 50_000
#: No number that there is gets rounded in it before it is rounded to what is shown.
_WIDE = Context(prec=EXACT.prec)


def locale_named(text: object) -> str | None:
    """Babel's name of a locale, `de-CH` or `de_CH`; None for what is none."""
    if isinstance(text, str):
        with suppress(ValueError, UnknownLocaleError):
            return str(Locale.parse(text.strip().replace("_", "-"), sep="-"))
    return None


def first_known(wishes: Iterable[object]) -> str:
    """The first of these texts that names a locale, as babel names it; else plain English."""
    return next((locale for wish in wishes if (locale := locale_named(wish))), PLAIN)


def locale_of(*fields: Mapping[str, object] | None) -> str:
    """What the first of these custom fields asks for which asks for a locale that is known; else plain English."""
    return first_known(field.get(FIELD) for field in fields if field)


@lru_cache(_REMEMBERED)
def money(value: Decimal | int, currency: str, locale: str) -> str:
    """In whole minor units of the currency: `$1,204.17`, `-¥12`."""
    with localcontext(_WIDE):
        pattern = _pattern(minor_digits(currency), locale)
        return _apart(pattern.apply(Decimal(value), locale, currency=currency, currency_digits=False))


@lru_cache(_REMEMBERED)
def _pattern(digits: int, locale: str) -> NumberPattern:
    """How the locale writes money, with so many digits after the point. Babel's own number of digits is what people use
    in cash, 0 of HUF and IDR: a bill in them would not add up by eye.
    """
    pattern: NumberPattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


@lru_cache(_REMEMBERED)
def price(value: Decimal | int, currency: str, locale: str) -> str:
    """With all its digits: a price of a unit may be far below a minor unit."""
    whole = Decimal(value)
    with localcontext(_WIDE):
        if whole == round(whole, minor_digits(currency)):
            return money(value, currency, locale)
        text = format_currency(whole, currency, locale=locale, currency_digits=False, decimal_quantization=False)
    return _apart(text)


def _apart(text: str) -> str:
    """A currency that has letters in the place of a sign stands apart from its number: `KWD 1.234`."""
    return _LETTER_AND_DIGIT.sub("\N{NO-BREAK SPACE}", text)


@lru_cache(_REMEMBERED)
def number(value: Decimal | int, locale: str) -> str:
    """With all its digits, in the groups of the locale."""
    with localcontext(_WIDE):
        return format_decimal(Decimal(value), locale=locale, decimal_quantization=False)


@lru_cache(_REMEMBERED)
def day(value: date, locale: str) -> str:
    """`1 Jan 2026`."""
    return format_date(value, _PLAIN_DAY if locale == PLAIN else "medium", locale=locale)
