"""Judges a decoded event against the catalog: what is accepted is a `Usage`, all else is `Refused` with its reason.

The order of the checks is the order in which a publisher would mend them. Whether the account's plan covers the usage
is not asked: uncovered usage is kept, rated without charges, and shown as unpriced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.decimals import parse_decimal, plain
from services.ingest.arrival import FUTURE_LIMIT, Arrival
from services.ingest.cloudevent import CloudEvent, UsageData
from services.ingest.digest import content_digest, id_digest
from services.ingest.directory import Directory, KnownAccount, KnownMeter
from services.ingest.instants import parse_instant
from services.ingest.refusal import Reason, Refused

#: Largest record: key, value and headers, in bytes (api.md D3 limits a request of up to 1,000 records to as much).
MAX_USAGE_BYTES = 512 * 1024
MAX_ID_LENGTH = 256
MAX_SOURCE_LENGTH = 256
MAX_METADATA_LENGTH = 256
#: Zone arithmetic fails near year 1, and usage of a billing system is no older than its epoch.
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 1, tzinfo=UTC)

_WHOLE_LIMIT = 10**18
#: A fraction's text this short, without exponent, is within the limits of `parse_decimal` whatever its digits are.
_SURELY_FITS = 18
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Usage:
    """An accepted record. `ts` is UTC; texts, the plain `numbers` among them, are as the log has them."""

    organization: str
    account: KnownAccount
    meter: KnownMeter
    usage_id: str
    source: str
    ts: datetime
    ts_text: str
    ets_text: str | None
    numbers: dict[str, str]
    data: UsageData
    digest: bytes


def find_account(event: CloudEvent, directory: Directory | None) -> KnownAccount:
    """The account that the event names. Raises: Refused."""
    if directory is None:
        raise Refused(Reason.UNKNOWN_ORGANIZATION, f"organization {event.organization[:80]!r} is not known")
    account = directory.accounts.get(event.subject)
    if account is None:
        raise Refused(Reason.UNKNOWN_ACCOUNT, f"subject must be an account's code, {event.subject[:80]!r} is none")
    return account


def accept(event: CloudEvent, account: KnownAccount, directory: Directory, arrived: Arrival) -> Usage:
    """The event as usage of the account, if every rule holds.

    Raises: Refused, with the first rule that is broken.
    """
    data = event.data
    meter = directory.meters.get(data.meter)
    if meter is None:
        raise Refused(Reason.UNKNOWN_METER, f"data.meter must be a meter's code, {data.meter[:80]!r} is none")
    usage_id, source = event.id, event.source
    if not (0 < len(usage_id) <= MAX_ID_LENGTH and 0 < len(source) <= MAX_SOURCE_LENGTH):
        raise Refused(Reason.TOO_LONG, f"id and source must have 1 to {MAX_ID_LENGTH} characters")
    if "\0" in usage_id or "\0" in source:
        raise Refused(Reason.BAD_TEXT, "id and source must not contain the character NUL")
    ts, ts_text, ets_text = _times(event, directory, arrived)
    numbers: dict[str, str] = {}
    for category, given in (("measure", data.measure), ("income", data.income), ("cost", data.cost)):
        if given:
            _take_numbers(numbers, given, category, meter)
    moment = ts_text if ets_text is None else f"{ts_text}/{ets_text}"
    digest = id_digest(event.organization, account.id, source, usage_id)
    digest += content_digest(meter.id, moment, numbers, _texts(data, meter))
    return Usage(event.organization, account, meter, usage_id, source, ts, ts_text, ets_text, numbers, data, digest)


def _times(event: CloudEvent, directory: Directory, arrived: Arrival) -> tuple[datetime, str, str | None]:
    try:
        ts, ts_text = parse_instant(event.time)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"time {error}") from None
    if ts < EARLIEST:
        raise Refused(Reason.BAD_TIME, f"time must not be before {EARLIEST:%Y-%m-%d}")
    clock = directory.clock
    if ts > (arrived.limit if clock is None else min(clock, LATEST) + FUTURE_LIMIT):
        whose = (
            f"its arrival, {arrived.text}" if clock is None else f"the organization's test clock, {clock.isoformat()}"
        )
        raise Refused(Reason.TOO_FAR_IN_FUTURE, f"time must not be more than 1 day after {whose}")
    if event.data.ets is None:
        return ts, ts_text, None
    try:
        ets, ets_text = parse_instant(event.data.ets)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"data.ets {error}") from None
    if not ts <= ets <= LATEST:
        raise Refused(Reason.BAD_TIME, "data.ets must not be before time")
    return ts, ts_text, ets_text


def _take_numbers(numbers: dict[str, str], given: Mapping[str, Any], category: str, meter: KnownMeter) -> None:
    allowed = meter.fields.get(category, _NOTHING)
    for code, value in given.items():
        if code not in allowed:
            raise _unknown(code, category, meter)
        kind = type(value)
        if kind is int:
            if not -_WHOLE_LIMIT < value < _WHOLE_LIMIT:
                raise Refused(Reason.BAD_NUMBER, f"data.{category}.{code} must have at most 18 whole digits")
            numbers[code] = str(value)
        elif kind is tuple:
            numbers[code] = _plain(value[0], category, code)
        else:
            raise Refused(Reason.WRONG_TYPE, f"data.{category}.{code} must be a JSON number")


def _plain(written: str, category: str, code: str) -> str:
    """The number's text in the log: no exponent, no negative zero; `1e999999999` is refused before it is spelt out."""
    if len(written) <= _SURELY_FITS and written[0] != "-" and "e" not in written and "E" not in written:
        return written
    try:
        return plain(parse_decimal(written))
    except ValueError as error:
        raise Refused(Reason.BAD_NUMBER, f"data.{category}.{code} {error}") from None


def _texts(data: UsageData, meter: KnownMeter) -> dict[str, dict[str, str]]:
    """The maps of text that hold something, by category."""
    found: dict[str, dict[str, str]] = {}
    if data.who:
        found["who"] = _checked(data.who, "who", meter)
    if data.what:
        found["what"] = _checked(data.what, "what", meter)
    if data.where:
        found["where"] = _checked(data.where, "where", meter)
    if data.other:
        found["other"] = _checked(data.other, "other", meter)
    if data.metadata:
        found["metadata"] = _checked(data.metadata, "metadata", meter)
        if max(map(len, data.metadata.values())) > MAX_METADATA_LENGTH:
            rule = f"data.metadata: a value must have at most {MAX_METADATA_LENGTH} characters"
            raise Refused(Reason.TOO_LONG, rule)
    return found


def _checked(given: dict[str, str], category: str, meter: KnownMeter) -> dict[str, str]:
    allowed = meter.fields.get(category, _NOTHING)
    for code, value in given.items():
        if code not in allowed:
            raise _unknown(code, category, meter)
        if "\0" in value:
            raise Refused(Reason.BAD_TEXT, f"data.{category}.{code} must not contain the character NUL")
    return given


def _unknown(code: str, category: str, meter: KnownMeter) -> Refused:
    """The field is not in the map that its category names: a text under measure, or no field of the meter at all."""
    for other, codes in meter.fields.items():
        if code in codes:
            rule = f"data.{category}.{code} must stand in data.{other}, as meter {meter.code!r} has it"
            return Refused(Reason.WRONG_TYPE, rule)
    return Refused(Reason.UNKNOWN_FIELD, f"data.{category}.{code[:80]} is no field of meter {meter.code!r}")
