"""Judges a decoded event against the catalog: accepted usage becomes a `Usage`, any other event a `Refused` with its
reason.

The checks stand in the order in which a publisher would fix the errors. Whether the account's plan covers the usage is
not checked: uncovered usage is kept, rated without charges, and shown as unpriced.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from events.decimals import MAX_WHOLE_DIGITS, parse_decimal, plain
from events.digests import content_digest, id_digest
from events.resources.bounds import NO_NUL, USAGE_TEXT_MAX
from events.zones import ZoneDays
from services.ingest.cloudevent import CloudEvent, UsageData, strings_decoded
from services.ingest.directory import Directory, KnownMeter
from services.ingest.instants import LATEST, Arrival, parse_instant, parse_with_day
from services.ingest.lane import Lane, Publisher, publisher_of
from services.refusals.refusal import Reason, Refused

#: Largest record: key, value and headers, in bytes (m3ter sets this limit for a request of up to 1,000 records).
MAX_USAGE_BYTES = 512 * 1024
MAX_ID_LENGTH = 256
#: Earliest time of usage: zone arithmetic fails near year 1, and no usage is older than the epoch of billing systems.
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)

_WHOLE_MIN, _WHOLE_MAX = 1 - 10**MAX_WHOLE_DIGITS, 10**MAX_WHOLE_DIGITS - 1
#: A fraction's text of this length or less, without exponent, is already what `parse_decimal` would make of it.
_SURELY_FITS = 18
_NOTHING: frozenset[str] = frozenset()


class Usage(msgspec.Struct, gc=False):
    """An accepted record. `ts` is UTC and `day` its day in the account's zone; texts are spelt as in the log.

    `numbers` are plain, by field; `texts` holds the non-empty maps of text by category, in log order. `strings` is the
    result of `strings_decoded` for the record.
    """

    lane: Lane
    publisher: Publisher
    usage_id: str
    ts: datetime
    ts_text: str
    ets_text: str | None
    day: date
    numbers: dict[str, str]
    texts: dict[str, dict[str, str]]
    digest: bytes
    strings: int


def accept(event: CloudEvent, lane: Lane, arrived: Arrival) -> Usage:
    """The event as usage of its lane, if every rule holds. It runs once per record, so it makes as few calls as
    possible: what is seldom stands in functions of its own.

    Raises: Refused, with the first broken rule.
    """
    data, meter = event.data, lane.meter
    publisher = lane.publishers.get(event.source) or publisher_of(lane, event.source)
    usage_id = event.id
    if not 0 < len(usage_id) <= MAX_ID_LENGTH or "\0" in usage_id:
        raise _bad_id(usage_id)
    try:
        ts, ts_text, day = parse_with_day(event.time, lane.days)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"time {error}") from None
    if ts > (lane.limit or arrived.limit):
        raise _too_late(lane.directory, arrived)
    if day is None:
        day = _new_day(ts, ts_text, lane.days)
    ets_text = None if data.ets is None else _end(data.ets, ts)
    numbers = _numbers(data.measure, "measure", meter) if data.measure else {}
    if data.income:
        numbers |= _numbers(data.income, "income", meter)
    if data.cost:
        numbers |= _numbers(data.cost, "cost", meter)
    texts = _texts(data, lane) if data.who or data.what or data.where or data.other or data.metadata else {}
    moment = ts_text if ets_text is None else f"{ts_text}/{ets_text}"
    digest = id_digest(publisher.hash, usage_id) + content_digest(meter.crc, moment, numbers, texts)
    strings = strings_decoded(event)
    return Usage(lane, publisher, usage_id, ts, ts_text, ets_text, day, numbers, texts, digest, strings)


def conflict(usage: Usage) -> Refused:
    """The reason for refusing usage whose id came before with other content."""
    rule = f"id {usage.usage_id!r} of source {usage.publisher.source!r} was used with other content"
    return Refused(Reason.ID_CONFLICT, rule)


def _bad_id(id: str) -> Refused:
    if 0 < len(id) <= MAX_ID_LENGTH:
        return Refused(Reason.BAD_TEXT, f"id {NO_NUL}")
    return Refused(Reason.TOO_LONG, f"id must have 1 to {MAX_ID_LENGTH} characters")


def _too_late(directory: Directory, arrived: Arrival) -> Refused:
    clock = directory.clock
    whose = f"its arrival, {arrived.text}" if clock is None else f"the organization's test clock, {clock.isoformat()}"
    return Refused(Reason.TOO_FAR_IN_FUTURE, f"time must not be more than 1 day after {whose}")


def _new_day(ts: datetime, ts_text: str, days: ZoneDays) -> date:
    """The day of an instant whose hour is not cached."""
    if ts < EARLIEST:
        raise Refused(Reason.BAD_TIME, f"time must not be before {EARLIEST:%Y-%m-%d}")
    return days.day(ts_text)


def _end(written: str, ts: datetime) -> str:
    try:
        ets, ets_text = parse_instant(written)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"data.ets {error}") from None
    if not ts <= ets <= LATEST:
        raise Refused(Reason.BAD_TIME, "data.ets must not be before time")
    return ets_text


def _numbers(given: Mapping[str, Any], category: str, meter: KnownMeter) -> dict[str, str]:
    """The numbers of a category, by field."""
    numbers: dict[str, str] = {}
    allowed = meter.fields.get(category, _NOTHING)
    for code, value in given.items():
        if code not in allowed:
            raise _unknown(code, category, meter)
        kind = type(value)
        if kind is int:
            if not _WHOLE_MIN <= value <= _WHOLE_MAX:
                rule = f"data.{category}.{code} must have at most {MAX_WHOLE_DIGITS} whole digits"
                raise Refused(Reason.BAD_NUMBER, rule)
            numbers[code] = str(value)
        elif kind is tuple:
            numbers[code] = _plain(value[0], category, code)
        else:
            raise Refused(Reason.WRONG_TYPE, f"data.{category}.{code} must be a JSON number")
    return numbers


def _plain(written: str, category: str, code: str) -> str:
    """The number's text in the log: no exponent, no negative zero, at most 18 digits after the point.

    The content digest is made from this text, so a repeated record has the same digest.
    """
    if len(written) <= _SURELY_FITS and written[0] != "-" and "e" not in written and "E" not in written:
        return written
    try:
        return plain(parse_decimal(written))
    except ValueError as error:
        raise Refused(Reason.BAD_NUMBER, f"data.{category}.{code} {error}") from None


def _texts(data: UsageData, lane: Lane) -> dict[str, dict[str, str]]:
    """The non-empty maps of text, by category; personal texts are sealed, so that the digest reveals nothing."""
    texts: dict[str, dict[str, str]] = {}
    meter, seal = lane.meter, lane.seal
    if data.who:
        who = _checked(data.who, "who", meter)
        texts["who"] = who if seal is None else {code: seal(text) for code, text in who.items()}
    if data.what:
        texts["what"] = _checked(data.what, "what", meter)
    if data.where:
        texts["where"] = _checked(data.where, "where", meter)
    if data.other:
        texts["other"] = _checked(data.other, "other", meter)
    if data.metadata:
        texts["metadata"] = _checked(data.metadata, "metadata", meter)
    return texts


def _checked(given: dict[str, str], category: str, meter: KnownMeter) -> dict[str, str]:
    allowed = meter.fields.get(category, _NOTHING)
    for code, value in given.items():
        if code not in allowed:
            raise _unknown(code, category, meter)
        if len(value) > USAGE_TEXT_MAX:
            rule = f"data.{category}.{code} must have at most {USAGE_TEXT_MAX} characters"
            raise Refused(Reason.TOO_LONG, rule)
        if "\0" in value:
            raise Refused(Reason.BAD_TEXT, f"data.{category}.{code} {NO_NUL}")
    return given


def _unknown(code: str, category: str, meter: KnownMeter) -> Refused:
    """Refuse a field that is not in the map of its category: a text under measure, or no field of the meter."""
    for other, codes in meter.fields.items():
        if code in codes:
            rule = f"data.{category}.{code} must stand in data.{other}, as meter {meter.code!r} has it"
            return Refused(Reason.WRONG_TYPE, rule)
    return Refused(Reason.UNKNOWN_FIELD, f"data.{category}.{code[:80]} is no field of meter {meter.code!r}")
