"""Judges a decoded event against the catalog: what is accepted is a `Usage`, all else is `Refused` with its reason.

The order of the checks is the order in which a publisher would mend them. Whether the account's plan covers the usage
is not asked: uncovered usage is kept, rated without charges, and shown as unpriced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from events.decimals import parse_decimal, plain
from services.ingest.cloudevent import CloudEvent, UsageData
from services.ingest.digest import content_digest, id_digest
from services.ingest.directory import Directory, KnownAccount, KnownMeter
from services.ingest.refusal import Reason, Refused

#: Largest record: key, value and headers, in bytes (api.md D3 limits a request of up to 1,000 records to as much).
MAX_USAGE_BYTES = 512 * 1024
MAX_ID_LENGTH = 256
MAX_SOURCE_LENGTH = 256
MAX_METADATA_LENGTH = 256
#: How far beyond its arrival (or its organization's test clock) a record's time may lie.
FUTURE_LIMIT = timedelta(days=1)
#: Zone arithmetic fails near year 1, and usage of a billing system is no older than its epoch.
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 1, tzinfo=UTC)

_WHOLE_LIMIT = 10**18
_NUMBER_MAPS = ("measure", "income", "cost")
_TEXT_MAPS = ("who", "what", "where", "other", "metadata")
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Usage:
    """An accepted record. `ts` is UTC, texts are as the log has them; `values` are the same as `numbers`."""

    organization: str
    account: KnownAccount
    meter: KnownMeter
    usage_id: str
    source: str
    ts: datetime
    ts_text: str
    ets_text: str | None
    numbers: dict[str, str]
    values: dict[str, Decimal]
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


def accept(event: CloudEvent, account: KnownAccount, directory: Directory, arrival: datetime) -> Usage:
    """The event as usage of the account, if every rule holds.

    Raises: Refused, with the first rule that is broken.
    """
    data = event.data
    meter = directory.meters.get(data.meter)
    if meter is None:
        raise Refused(Reason.UNKNOWN_METER, f"data.meter must be a meter's code, {data.meter[:80]!r} is none")
    _check_id(event.id, "id", MAX_ID_LENGTH)
    _check_id(event.source, "source", MAX_SOURCE_LENGTH)
    ts, ets_text = _times(event, directory, arrival)
    numbers: dict[str, str] = {}
    values: dict[str, Decimal] = {}
    for category, given in (("measure", data.measure), ("income", data.income), ("cost", data.cost)):
        if given:
            _take_numbers(numbers, values, given, category, meter)
    texts = _texts(data, meter)
    ts_text = _instant_text(ts)
    moment = ts_text if ets_text is None else f"{ts_text}/{ets_text}"
    digest = id_digest(event.organization, account.id, event.source, event.id)
    digest += content_digest(meter.id, moment, numbers, texts)
    return Usage(
        event.organization, account, meter, event.id, event.source, ts, ts_text, ets_text, numbers, values, data, digest
    )


def _check_id(value: str, name: str, limit: int) -> None:
    if not 0 < len(value) <= limit:
        raise Refused(Reason.TOO_LONG, f"{name} must have 1 to {limit} characters")
    if "\0" in value:
        raise Refused(Reason.BAD_TEXT, f"{name} must not contain the character NUL")


def _times(event: CloudEvent, directory: Directory, arrival: datetime) -> tuple[datetime, str | None]:
    ts, ets = event.time, event.data.ets
    now = directory.clock if directory.clock is not None else arrival
    if not EARLIEST <= ts <= LATEST:
        raise Refused(Reason.BAD_TIME, f"time must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
    if ts > now + FUTURE_LIMIT:
        clock = "the organization's test clock" if directory.clock is not None else "its arrival"
        raise Refused(Reason.TOO_FAR_IN_FUTURE, f"time must not be more than 1 day after {clock}, {now.isoformat()}")
    if ets is None:
        return ts.astimezone(UTC), None
    if not ts <= ets <= LATEST:
        raise Refused(Reason.BAD_TIME, "data.ets must not be before time")
    return ts.astimezone(UTC), _instant_text(ets.astimezone(UTC))


def _instant_text(moment: datetime) -> str:
    """UTC as the log spells it: `2026-01-01T00:00:00Z`, microseconds only where there are some."""
    return moment.isoformat()[:-6] + "Z"


def _take_numbers(
    numbers: dict[str, str], values: dict[str, Decimal], given: Mapping[str, Any], category: str, meter: KnownMeter
) -> None:
    allowed = meter.fields.get(category, _NOTHING)
    for code, value in given.items():
        if code not in allowed:
            raise _unknown(code, category, meter)
        kind = type(value)
        if kind is int:
            if not -_WHOLE_LIMIT < value < _WHOLE_LIMIT:
                raise Refused(Reason.BAD_NUMBER, f"data.{category}.{code[:80]} must have at most 18 whole digits")
            numbers[code] = str(value)
            values[code] = Decimal(value)
        elif kind is Decimal:
            number = values[code] = _bounded(value, category, code)
            numbers[code] = plain(number)
        else:
            raise Refused(Reason.WRONG_TYPE, f"data.{category}.{code[:80]} must be a JSON number")


def _bounded(value: Decimal, category: str, code: str) -> Decimal:
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise Refused(Reason.BAD_NUMBER, f"data.{category}.{code[:80]} {error}") from None


def _texts(data: UsageData, meter: KnownMeter) -> dict[str, dict[str, str]]:
    """The maps of text that hold something, by category."""
    found = {}
    for category in _TEXT_MAPS:
        given: dict[str, str] = getattr(data, category)
        if given:
            allowed = meter.fields.get(category, _NOTHING)
            for code, value in given.items():
                if code not in allowed:
                    raise _unknown(code, category, meter)
                if "\0" in value:
                    raise Refused(Reason.BAD_TEXT, f"data.{category}.{code} must not contain the character NUL")
            found[category] = given
    if data.metadata and max(map(len, data.metadata.values())) > MAX_METADATA_LENGTH:
        raise Refused(Reason.TOO_LONG, f"data.metadata: a value must have at most {MAX_METADATA_LENGTH} characters")
    return found


def _unknown(code: str, category: str, meter: KnownMeter) -> Refused:
    """The field is not in the map that its category names: a text under measure, or no field of the meter at all."""
    for other, codes in meter.fields.items():
        if code in codes:
            return Refused(
                Reason.WRONG_TYPE, f"data.{category}.{code} is of category {other.upper()} in {meter.code!r}"
            )
    return Refused(Reason.UNKNOWN_FIELD, f"data.{category}.{code[:80]} is no field of meter {meter.code!r}")
