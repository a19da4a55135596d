"""Decode a record of `usage` to a `CloudEvent`: CloudEvents 1.0, in JSON structured mode or in binary mode by headers.

Every record is decoded alone. Decoding a joined array would be a tenth faster with msgspec, but a record such as
`{..},{..}` or `[{` could then take bytes of its neighbours: a bad publisher could change the usage of a good one.

Numbers never pass through a float: a fraction stays a text, and a whole number becomes an int of any length. Only JSON
numbers are measures. A numeric text ("1.5") is refused, because the same bytes would otherwise mean a text or a number,
depending on the meter's present definition.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from events.dates import INSTANT_RULE
from projections.not_json import NOT_JSON
from services.refusals.refusal import Reason, Refused

Headers = Sequence[tuple[str, bytes | None]]
MAX_SOURCE_LENGTH = 256


class UsageData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The `data` of a usage event.

    A missing map is UNSET, which is false: a default of `{}` would cost each record seven dicts. Values of `measure`,
    `income` and `cost` are ints, or `(text,)` for a fraction, or another type that `validate` refuses; a JSON array
    becomes a list, so it cannot be mistaken for the tuple.
    """

    meter: str
    measure: dict[str, Any] | UnsetType = UNSET
    income: dict[str, Any] | UnsetType = UNSET
    cost: dict[str, Any] | UnsetType = UNSET
    who: dict[str, str] | UnsetType = UNSET
    what: dict[str, str] | UnsetType = UNSET
    where: dict[str, str] | UnsetType = UNSET
    other: dict[str, str] | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    ets: str | None = None


class CloudEvent(msgspec.Struct, gc=False):
    """The attributes that usage needs; other extension attributes are allowed and ignored."""

    #: Strings that every record's value has: seven attributes and the meter, each with its text, and the name `data`.
    strings_at_least: ClassVar[int] = 2 * (7 + 1) + 1

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["trueup.usage"]
    subject: str
    time: str
    organization: str
    data: UsageData
    datacontenttype: str | None = None


class BinaryEvent(CloudEvent, gc=False):
    """A usage event in binary mode: the headers hold its attributes, and the record's value is `data`."""

    strings_at_least: ClassVar[int] = 2


def _written(text: str) -> tuple[str]:
    return (text,)


_decode_event = msgspec.json.Decoder(CloudEvent, float_hook=_written).decode
_decode_data = msgspec.json.Decoder(UsageData, float_hook=_written).decode
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "organization")
_BINARY_MARK = "ce_specversion"


def decode(value: bytes, headers: Headers) -> CloudEvent:
    """The event of one record. The caller (the batch) must still check for repeated names in its value (`json_text`).

    Raises: Refused (not JSON, not a CloudEvent, another type of event, no time).
    """
    try:
        if headers and any(name == _BINARY_MARK for name, _ in headers):
            event = _binary(value, headers)
        else:
            event = _decode_event(value)
    except NOT_JSON as error:
        raise _explained(error) from None
    if event.datacontenttype is not None:
        _check_json(event.datacontenttype)
    return event


def strings_decoded(event: CloudEvent) -> int:
    """The number of decoded strings in the record's value, names and texts.

    A value with more strings has a repeated name, or an attribute that usage ignores (`json_text`).
    """
    data, strings = event.data, event.strings_at_least
    if event.datacontenttype is not None:
        strings += 2
    if data.ets is not None:
        strings += 2
    # Count the names of numbers, and names and texts of texts, and the name of each map. Unrolled, because it runs once
    # per record.
    if data.measure is not UNSET:
        strings += 1 + len(data.measure)
    if data.income is not UNSET:
        strings += 1 + len(data.income)
    if data.cost is not UNSET:
        strings += 1 + len(data.cost)
    if data.who is not UNSET:
        strings += 1 + 2 * len(data.who)
    if data.what is not UNSET:
        strings += 1 + 2 * len(data.what)
    if data.where is not UNSET:
        strings += 1 + 2 * len(data.where)
    if data.other is not UNSET:
        strings += 1 + 2 * len(data.other)
    if data.metadata is not UNSET:
        strings += 1 + 2 * len(data.metadata)
    return strings


def _check_json(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(Reason.NOT_A_CLOUD_EVENT, "datacontenttype must be application/json")


def _binary(value: bytes, headers: Headers) -> CloudEvent:
    attributes: dict[str, Any] = {}
    for name, content in headers:
        attribute = "datacontenttype" if name == "content-type" else name.removeprefix("ce_")
        if attribute == name or content is None:
            continue
        if attribute in attributes:
            raise Refused(Reason.NOT_A_CLOUD_EVENT, f"header {name} stands twice")
        attributes[attribute] = content.decode()
    for attribute in ATTRIBUTES:
        if attribute not in attributes:
            reason = Reason.BAD_TIME if attribute == "time" else Reason.NOT_A_CLOUD_EVENT
            raise Refused(reason, f"header ce_{attribute} is missing")
    # An attribute named "data" would collide with the value; CloudEvents has no such attribute.
    attributes["data"] = {"meter": ""}
    content_type = attributes.pop("datacontenttype", None)
    if content_type is not None:
        _check_json(content_type)
    event = msgspec.convert(attributes, BinaryEvent)
    event.data = _decode_data(value)
    return event


def _explained(error: Exception) -> Refused:
    """The reason for a refusal, from msgspec's message, which names the path."""
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return Refused(Reason.NOT_JSON, f"must be JSON, which has no NaN and no Infinity: {message}")
    if "$.time" in message or "ets" in message or "field `time`" in message:
        return Refused(Reason.BAD_TIME, f"time {INSTANT_RULE}: {message}")
    if "$.type" in message:
        return Refused(Reason.WRONG_EVENT_TYPE, "type must be trueup.usage")
    if "unknown field" in message:
        return Refused(Reason.UNKNOWN_FIELD, message)
    if "$.data." in message:
        return Refused(Reason.WRONG_TYPE, message)
    return Refused(Reason.NOT_A_CLOUD_EVENT, message)
