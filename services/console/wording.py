"""Money, numbers, days and moments as people read them. Nothing is computed: what the API says is spelled.

Words are English, and so is the form of numbers; a currency has its own sign and its own decimals.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision
from markupsafe import Markup, escape

from events.zones import time_zone

LOCALE = "en_US"
_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
_ROWS_REMEMBERED = 50_000


@lru_cache(_ROWS_REMEMBERED)
def money(value: Decimal | int, currency: str) -> str:
    """In whole minor units of the currency: `$1,204.17`, `-¥12`."""
    return _apart(format_currency(Decimal(value), currency, locale=LOCALE))


@lru_cache(_ROWS_REMEMBERED)
def price(value: Decimal | int, currency: str) -> str:
    """With all its digits: a price of a unit may be far below a minor unit."""
    whole = Decimal(value)
    if whole == round(whole, get_currency_precision(currency)):
        return money(value, currency)
    return _apart(format_currency(whole, currency, locale=LOCALE, currency_digits=False, decimal_quantization=False))


def _apart(text: str) -> str:
    """A currency that has letters in the place of a sign stands apart from its number: `KWD 1.234`."""
    return _LETTER_AND_DIGIT.sub("\N{NO-BREAK SPACE}", text)


@lru_cache(_ROWS_REMEMBERED)
def number(value: Decimal | int) -> str:
    """With all its digits, in groups of three."""
    return format_decimal(Decimal(value), locale=LOCALE, decimal_quantization=False)


def exact(value: Decimal | int) -> str:
    """As a machine reads it: no exponent, no groups."""
    return f"{Decimal(value):f}"


def amount(value: Decimal | int, currency: str) -> Markup:
    """Money as an element that also says the exact number, for whoever copies or compares it."""
    return _data(value, money(value, currency), "amount")


def unit_price(value: Decimal | int, currency: str) -> Markup:
    """The same of a price."""
    return _data(value, price(value, currency), "amount")


def quantity(value: Decimal | int) -> Markup:
    """The same of a number that is no money."""
    return _data(value, number(value), "quantity")


def _data(value: Decimal | int, text: str, kind: str) -> Markup:
    sign = " negative" if value < 0 else " zero" if not value else ""
    return Markup('<data class="{}" value="{}">{}</data>').format(kind + sign, exact(value), text)


def read_day(value: Any, zone: str = "UTC") -> date:
    """The day that a day, or an instant in a zone, names."""
    text = str(value)
    if len(text) == len("2026-01-01"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(time_zone(zone)).date()


def day(value: Any, zone: str = "UTC") -> Markup:
    """`1 Jan 2026`."""
    found = read_day(value, zone)
    return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), day_text(found))


def span(start: Any, end: Any, zone: str = "UTC") -> Markup:
    """The days from `start` until before `end`, both of them named: `1 Jan 2026 – 31 Jan 2026`."""
    first, last = read_day(start, zone), read_day(end, zone) - timedelta(days=1)
    return day(first) if last <= first else Markup("{} – {}").format(day(first), day(last))


def moment(value: Any, zone: str = "UTC") -> Markup:
    """`1 Jan 2026, 14:05:09 UTC`: the zone is named, for without it a time means nothing."""
    at = datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(time_zone(zone))
    text = format_datetime(at, "d MMM y, HH:mm:ss", locale=LOCALE)
    return Markup('<time datetime="{}">{} {}</time>').format(at.isoformat(), text, zone)


@lru_cache(_ROWS_REMEMBERED)
def day_text(value: date) -> str:
    """The same without an element."""
    return format_date(value, "d MMM y", locale=LOCALE)


#: Names of the wire that read badly without their capitals.
_SHORT = {"OVERAGE_USAGE": "Overage", "COMMITMENT_CONSUMED": "Paid from commitment", "AD_HOC": "One-off charge"}
_SHORT |= {"BALANCE_CONSUMED": "Paid from balance", "CREDIT_MEMO": "Credit", "DEBIT_MEMO": "Debit"}


def words(name: str) -> str:
    """A name of the wire in words: `MINIMUM_SPEND` is "Minimum spend", `accountId` is "Account id"."""
    if name in _SHORT:
        return _SHORT[name]
    if name.isupper() or "-" in name:
        return name.replace("_", " ").replace("-", " ").capitalize()
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).replace(".", ", ").strip()
    return spaced[:1].upper() + spaced[1:]


def multiline(text: str) -> Markup:
    """A text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    """What is in a nested document, as names and texts: `("charge.servicePeriod", "2026-01-01 to 2026-02-01")`."""
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in leaves(member, f"{name}.{key}" if name else key)]
    if isinstance(value, list) and any(isinstance(member, dict | list) for member in value):
        return [leaf for place, member in enumerate(value, 1) for leaf in leaves(member, f"{name} {place}")]
    if isinstance(value, list):
        return [(name, " to ".join(map(str, value)))]
    return [(name, f"{value}")]


#: What templates may spell, by these names.
FILTERS: tuple[Callable[..., object], ...] = (
    *(amount, day, exact, leaves, moment, money, multiline, number, quantity, span, unit_price, words),
)
