"""Money, numbers, days and moments as people read them. Nothing is computed: values of the API are only formatted.

Words are English; numbers, amounts and days follow the locale of the page (`forms.py` chooses it). A currency keeps its
own sign and decimals in every locale.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel.dates import format_datetime, format_skeleton
from markupsafe import Markup, escape

from events.dates import instant_of, read_moment
from events.zones import time_zone
from projections.calendar import local_day, named_day
from services import spelling
from services.console.time_bar import read_day as read_asked_day
from services.console.time_bar import read_moment as read_asked_moment
from services.spelling import PLAIN

#: The beginning of a day or a moment as JSON has it.
_DAY_OR_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T|$)")
#: A moment in plain English.
_PLAIN_MOMENT = "d MMM y, HH:mm:ss"
#: The locale of the page that is being made, in this task and in a thread that it starts.
_LOCALE: ContextVar[str] = ContextVar("locale", default=PLAIN)


@contextmanager
def spelled_in(locale: str) -> Iterator[None]:
    """Everything formatted in the block follows this locale, in babel's spelling (`de_CH`)."""
    before = _LOCALE.set(locale)
    try:
        yield
    finally:
        _LOCALE.reset(before)


def money(value: Decimal | int, currency: str) -> str:
    """Money in whole minor units of the currency: `$1,204.17`, `-¥12`."""
    return spelling.money(value, currency, _LOCALE.get())


def price(value: Decimal | int, currency: str) -> str:
    """A price with all its digits: a unit's price may be far below a minor unit."""
    return spelling.price(value, currency, _LOCALE.get())


def number(value: Decimal | int) -> str:
    """A number with all its digits, in the groups of the locale."""
    return spelling.number(value, _LOCALE.get())


def exact(value: Decimal | int) -> str:
    """A number for machines: no exponent, no groups."""
    return f"{Decimal(value):f}"


def amount(value: Decimal | int, currency: str) -> Markup:
    """Money as an element that also holds the exact number, for copying or comparing."""
    return _data(value, money(value, currency), "amount")


def unit_price(value: Decimal | int, currency: str) -> Markup:
    """A unit price as an element that also holds the exact number."""
    return _data(value, price(value, currency), "amount")


def quantity(value: Decimal | int) -> Markup:
    """A number that is not money, as such an element."""
    return _data(value, number(value), "quantity")


def _data(value: Decimal | int, text: str, kind: str) -> Markup:
    sign = ""
    if value < 0:
        sign = " negative"
    elif not value:
        sign = " zero"
    return Markup('<data class="{}" value="{}">{}</data>').format(kind + sign, exact(value), text)


def read_day(value: Any, zone: str = "UTC") -> date:
    """The day that a text names in a zone: of a date that day, of a date-time as rules 2.7 says."""
    text = str(value)
    if len(text) == len("2026-01-01"):  # the limits for sent dates do not apply: a bill's due date may lie beyond them
        return date.fromisoformat(text)
    return named_day(read_moment(text), zone)


def day(value: Any, zone: str = "UTC") -> Markup:
    """`1 Jan 2026`: the day that a term names."""
    return _day(read_day(value, zone))


def day_at(value: Any, zone: str = "UTC") -> Markup:
    """The day in a zone on which something happened: `1 Jan 2026`."""
    return _day(local_day(instant_of(str(value)), zone))


def _day(when: date) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(), day_text(when))


def span(start: Any, end: Any, zone: str = "UTC") -> Markup:
    """The days from `start` to before `end`: `1 Jan 2026 – 31 Jan 2026`."""
    first, last = read_day(start, zone), read_day(end, zone) - timedelta(days=1)
    return day(first) if last <= first else Markup("{}\N{NO-BREAK SPACE}– {}").format(day(first), day(last))


def moment(value: Any, zone: str = "UTC") -> Markup:
    """A moment, with its zone, which it would mean nothing without: `1 Jan 2026, 14:05:09 UTC`."""
    at, locale = datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(time_zone(zone)), _LOCALE.get()
    text = format_datetime(at, _PLAIN_MOMENT if locale == PLAIN else "medium", locale=locale)
    return Markup('<time datetime="{}">{} {}</time>').format(at.isoformat(), text, zone)


def day_asked(text: str) -> Markup:
    """A day in an address; a text that is not a day stays as it is."""
    when = read_asked_day(text)
    return escape(text) if when is None else day(when)


def moment_asked(text: str, zone: str) -> Markup:
    """A moment in an address; a text that is not a moment stays as it is."""
    when = read_asked_moment(text)
    return escape(text) if when is None else moment(when, zone)


def day_text(value: date) -> str:
    """A day as plain text, without an element."""
    return spelling.day(value, _LOCALE.get())


def month(value: Any) -> str:
    """The month that a day lies in: `Jan 2026`."""
    return format_skeleton("yMMM", read_day(value), locale=_LOCALE.get())


#: Names of the API that would read badly in lower case.
_SHORT = {"OVERAGE_USAGE": "Overage", "COMMITMENT_CONSUMED": "Paid from commitment", "AD_HOC": "One-off charge"}
_SHORT |= {"BALANCE_CONSUMED": "Paid from balance", "CREDIT_MEMO": "Credit", "DEBIT_MEMO": "Debit"}
_SHORT |= {"EXHAUSTED": "Used up", "DEAD": "Given up"}


def words(name: str) -> str:
    """A name of the API in words: `MINIMUM_SPEND` is "Minimum spend", `accountId` is "Account id"."""
    if name in _SHORT:
        return _SHORT[name]
    if name.isupper() or "-" in name:
        return name.replace("_", " ").replace("-", " ").capitalize()
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).replace(".", ", ").strip()
    return spaced[:1].upper() + spaced[1:]


def multiline(text: str) -> Markup:
    """A text with its line breaks kept."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    """The content of a nested document as names and texts: `("charge.servicePeriod", "2026-01-01 to 2026-02-01")`. What
    has no value is left out.
    """
    if value is None:
        return []
    if isinstance(value, bool):
        return [(name, "yes" if value else "no")]
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in leaves(member, f"{name}.{key}" if name else key)]
    if isinstance(value, list) and any(isinstance(member, dict | list) for member in value):
        return [leaf for number, member in enumerate(value, 1) for leaf in leaves(member, f"{name} {number}")]
    if isinstance(value, list):
        texts = [str(member) for member in value]
        is_period = len(texts) == 2 and all(map(_DAY_OR_MOMENT.match, texts))
        return [(name, (" to " if is_period else ", ").join(texts))]
    return [(name, f"{value}")]


#: The filters of templates, under their own names.
FILTERS: tuple[Callable[..., object], ...] = (
    *(
        amount,
        day,
        day_asked,
        day_at,
        exact,
        leaves,
        moment,
        moment_asked,
        money,
        month,
        multiline,
        number,
        quantity,
        span,
        unit_price,
        words,
    ),
)
